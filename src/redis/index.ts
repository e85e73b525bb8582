export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export type { Engine, EngineEvent, Health, NewExecution, Watched } from '../docket/engine.js';
export type { ExecutionRecord, Question } from '../docket/record.js';
export { makeRedisEngine, openTicketQueue } from './open-engine.js';
export type { RedisEngineOptions } from './redis-engine.js';
export type { TicketQueue, TicketQueueOptions } from './ticket-queue.js';
export type { Ticket } from './tickets.js';
export type { RedisTls } from './tls.js';
