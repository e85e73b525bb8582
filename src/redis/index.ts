export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export type { Engine, Health } from '../docket/engine/engine.js';
export { makeRedisEngine, openTicketQueue } from './open-engine.js';
export type { RedisEngineOptions } from './redis-engine.js';
export type { TicketQueue, TicketQueueOptions } from './queue/open-queue.js';
export type { Ticket } from './queue/queue-jobs.js';
export type { RedisTls } from './connection/tls.js';
