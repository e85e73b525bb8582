import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateTaskResultSchema,
  ResultSchema,
  type JSONRPCMessage,
  type Result,
  type Task,
} from '@modelcontextprotocol/sdk/types.js';
import { eventually } from './eventually.js';
import type { Peer } from './transports.js';

/** Calls a tool as a task and gives the task, without following it. */
export async function startTask(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
  task: { ttl?: number } = {},
): Promise<Task> {
  const params = { name, arguments: args, task };
  return (await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)).task;
}

/** Any request, with whatever result. */
export function request(client: Client, method: string, params: Record<string, unknown> = {}): Promise<Result> {
  return client.request({ method, params }, ResultSchema);
}

/** Waits until the task has that status. */
export async function untilStatus(client: Client, taskId: string, status: Task['status']): Promise<void> {
  await eventually(async () => {
    const task = await client.experimental.tasks.getTask(taskId);
    if (task.status !== status) throw new Error(`The task is ${task.status}, not ${status}`);
  });
}

/** A message of the server that has a method. */
export type Told = JSONRPCMessage & { method: string; params: Record<string, unknown> };

/** What the server sent under that method, in the order in which it came. */
export function told({ received }: Peer, method: string): Told[] {
  return received.filter((message): message is Told => 'method' in message && message.method === method);
}

/** Waits until the server has sent that many messages under that method. */
export function untilTold(peer: Peer, method: string, count: number): Promise<Told[]> {
  return eventually(() => {
    const messages = told(peer, method);
    if (messages.length < count) throw new Error(`${messages.length} of ${count} ${method} came`);
    return messages;
  });
}

/** The error with which a promise rejects. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown; data?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It should have been rejected');
}
