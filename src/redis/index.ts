export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export type { Engine, Health } from '../docket/engine.js';
export { makeRedisEngine, openTicketQueue } from './open-engine.js';
export type { RedisEngineOptions } from './redis-engine.js';
export type { TicketQueue, TicketQueueOptions } from './ticket-queue.js';
export type { Ticket } from './tickets.js';
export type { RedisTls } from './tls.js';
