import { ErrandError } from '../../../src/base/errors.js';
import type { TaskCallOptions } from '../../../src/client/options.js';
import type { TaskHandle } from '../../../src/client/tasks/task-handle.js';
import { connect } from '../../../src/client/connect.js';
import type { MatrixClient, MatrixTask, Target, User } from './matrix-client.js';

/** `errand/client`. */
export async function openErrandClient(target: Target, user: User): Promise<MatrixClient> {
  const client = await connect(target, {
    onElicit: ({ message, taskId }) => user({ message, ...(taskId !== undefined && { taskId }) }),
  });
  return {
    callTool: (name, args) => unwrapped(client.callTool(name, args)),
    callToolAsTask: (name, args) => follow((options) => client.callTool(name, args, options)),
    getPrompt: (name, args) => unwrapped(client.getPrompt(name, args)),
    getPromptAsTask: (name, args) => follow((options) => client.getPrompt(name, args, options)),
    readResource: (uri) => unwrapped(client.readResource(uri)),
    readResourceAsTask: (uri) => follow((options) => client.readResource(uri, options)),
    callToolAnyway: (name, { task }) =>
      task ? unwrapped(client.callTool(name, {}, { task })) : unwrapped(client.callTool(name)),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function follow<R extends object>(
  start: (options: TaskCallOptions) => Promise<TaskHandle<R>>,
): Promise<MatrixTask<R>> {
  const progress: number[] = [];
  const task = await unwrapped(start({ task: true, onProgress: (told) => progress.push(told.progress) }));
  return {
    taskId: task.taskId,
    progress,
    status: async () => (await task.status()).status,
    result: () => unwrapped(task.result()),
    storedResult: () => unwrapped(task.result()),
    giveUpAfter: (timeout) => task.wait({ timeout }),
    cancel: async () => {
      await task.cancel();
    },
  };
}

/** Fails with the server's own error, as the other clients do. */
async function unwrapped<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw ErrandError.is(error, 'REQUEST_FAILED') ? error.cause : error;
  }
}
