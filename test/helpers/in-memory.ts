import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  ListToolsResultSchema,
  type CallToolResult,
  type ClientCapabilities,
  type ElicitRequest,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js';
import {
  createServer,
  Logger,
  type ErrandServer,
  type LogFields,
  type LogLevel,
  type ServerOptions,
} from '../../src/index.js';
import { expectNoInjected } from './no-injected.js';

/** What the client of a test is like. */
export interface ClientSetup {
  /** Answers what it is asked; a client without it does not declare that it can be asked. */
  readonly answer?: (question: ElicitRequest) => ElicitResult | Promise<ElicitResult>;
  /** Sent with every message, as a transport with authorization does. */
  readonly auth?: AuthInfo;
}

/** One line of a log. */
export interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** The two ways to make a call. */
export const modes = ['foreground', 'background'] as const;

const open: (() => Promise<unknown>)[] = [];

/** Has something closed after the test. */
export function afterTest(close: () => Promise<unknown>): void {
  open.push(close);
}

/** For `afterEach`: closes what a test has opened, the newest first. */
export async function closeOpened(): Promise<void> {
  for (let close = open.pop(); close !== undefined; close = open.pop()) await close();
}

/** A server that is closed after the test, and everything that it logs. */
export function serverOf(options: Omit<ServerOptions, 'name' | 'version' | 'logger'>): {
  server: ErrandServer;
  log: Line[];
} {
  const log: Line[] = [];
  const logger = new Logger((level, message, fields) => log.push({ level, message, fields }));
  const server = closedAfterwards(createServer({ name: 'test', version: '1.0.0', logger, grace: '2s', ...options }));
  return { server, log };
}

/** A server that is closed after the test. */
export function closedAfterwards(server: ErrandServer): ErrandServer {
  open.push(() => server.close());
  return server;
}

/** A stock client that is connected in memory, and closed after the test. Fails when tools/list shows what is injected. */
export async function connect(server: ErrandServer, { answer, auth }: ClientSetup = {}): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  if (auth !== undefined) {
    const send = ours.send.bind(ours);
    ours.send = (message, options) => send(message, { ...options, authInfo: auth });
  }
  const capabilities: ClientCapabilities = answer === undefined ? {} : { elicitation: {} };
  const client = new Client({ name: 'test-client', version: '1.0.0' }, { capabilities });
  if (answer !== undefined) client.setRequestHandler(ElicitRequestSchema, (question) => answer(question));
  await server.connect(theirs);
  await client.connect(ours);
  open.push(() => client.close());
  expectNoInjected((await client.request({ method: 'tools/list' }, ListToolsResultSchema)).tools);
  return client;
}

/** Calls a tool in the given mode, and gives what the call itself was answered. */
export async function call(
  client: Client,
  mode: (typeof modes)[number],
  name: string,
  args: Record<string, unknown> = {},
): Promise<CallToolResult> {
  const params = { name, arguments: args };
  if (mode === 'foreground') return client.request({ method: 'tools/call', params }, CallToolResultSchema);
  const request = { method: 'tools/call' as const, params: { ...params, task: {} } };
  const { task } = await client.request(request, CreateTaskResultSchema);
  const answered = await client.request(
    { method: 'tasks/result', params: { taskId: task.taskId } },
    CallToolResultSchema,
  );
  return withoutRelatedTask(answered);
}

/** A task's result names its task; everything else of it is as the call itself would have been answered. */
function withoutRelatedTask({ _meta, ...result }: CallToolResult): CallToolResult {
  const { 'io.modelcontextprotocol/related-task': related, ...meta } = _meta ?? {};
  return Object.keys(meta).length === 0 ? result : { ...result, _meta: meta };
}

/** The text of the first content of a result. */
export function textOf({ content: [first] }: CallToolResult): string | undefined {
  return first?.type === 'text' ? first.text : undefined;
}
