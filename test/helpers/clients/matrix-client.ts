import type { CallToolResult, GetPromptResult, ReadResourceResult, Task } from '@modelcontextprotocol/sdk/types.js';
import type { ServerCommand } from '../../../src/client/connection/targets.js';
import type { ErrandServer } from '../../../src/server/create-server.js';
import { fixtureCommand, fixtureServer, type Wire } from '../transports.js';

/** A question as the user of a client sees it. */
export interface Prompt {
  readonly message: string;
  /** The task that asks; absent in the foreground. */
  readonly taskId?: string;
}

/** What the user does with it. */
export type Answer =
  | { readonly action: 'accept'; readonly content: Record<string, string | number | boolean> }
  | { readonly action: 'decline' | 'cancel' };

/** The user of a client. */
export type User = (prompt: Prompt) => Answer | Promise<Answer>;

/** What the matrix asks of a client, each thing in the way that the client itself has for it. */
export interface MatrixClient extends AsyncDisposable {
  /** Calls a tool in the foreground. */
  callTool(name: string, args?: Args): Promise<CallToolResult>;
  /** Calls a tool as a task. */
  callToolAsTask(name: string, args?: Args): Promise<MatrixTask<CallToolResult>>;
  /** Gets a prompt in the foreground. */
  getPrompt(name: string, args: Record<string, string>): Promise<GetPromptResult>;
  /** Gets a prompt as a task. */
  getPromptAsTask(name: string, args: Record<string, string>): Promise<MatrixTask<GetPromptResult>>;
  /** Reads a resource in the foreground. */
  readResource(uri: string): Promise<ReadResourceResult>;
  /** Reads a resource as a task. */
  readResourceAsTask(uri: string): Promise<MatrixTask<ReadResourceResult>>;
  /** Sends the call even where the tool says that it refuses it, so that it is the server that answers. */
  callToolAnyway(name: string, how: { readonly task: boolean }): Promise<unknown>;
}

/** The arguments of a call. */
export type Args = Record<string, string | number>;

/** A task as its client follows it. */
export interface MatrixTask<Result> {
  readonly taskId: string;
  /** The progress that the client was told, each time. */
  readonly progress: readonly number[];
  /** The task as the server says it is now. */
  status(): Promise<Task['status']>;
  /** Waits for the end, and gives the result in the way in which the client gives it. */
  result(): Promise<Result>;
  /** `tasks/result`, for what the client keeps from those who ask it for the result. */
  storedResult(): Promise<Result>;
  /** Waits for the result only so long, in milliseconds, then rejects; the task goes on, and can be waited for again. */
  giveUpAfter(patience: number): Promise<unknown>;
  cancel(): Promise<void>;
}

/** What a client connects to: a server in this process, one that listens, or the command that starts one. */
export type Target = ErrandServer | URL | ServerCommand;

/** A server that waits for a client. */
export interface Served extends AsyncDisposable {
  readonly target: Target;
}

/** Starts a server of `test/e2e/fixtures`; over stdio its client does. */
export async function serve(wire: Wire, fixture: string): Promise<Served> {
  if (wire === 'stdio') return { target: fixtureCommand(fixture), [Symbol.asyncDispose]: () => Promise.resolve() };
  const server = await fixtureServer(fixture);
  return {
    target: wire === 'http' ? new URL((await server.listen()).url) : server,
    [Symbol.asyncDispose]: () => server.close(),
  };
}
