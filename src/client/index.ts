export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export { connect, type ConnectableServer, type ServerCommand } from './connect.js';
export type { CallOptions, CallProgress, Client, ClientOptions, ServerLog, TaskCallOptions } from './client.js';
export type { ElicitHandler, UserAnswer, UserQuestion } from './questions.js';
export type { ToolTask } from './tool-task.js';
