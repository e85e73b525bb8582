import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asBuilt, cli, root } from '../helpers/child.js';
import { DeadLine } from '../helpers/dead-line.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';

/** A process of the fleet, which is started again with the same arguments when it was killed. */
class Member {
  private child?: ChildProcess;
  private errors = '';
  /** How often it died by itself and was started again, while somebody watched over it. */
  deaths = 0;
  private supervised = false;

  constructor(
    readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>>,
    /** What its connections to Redis go through, where they are to be cut. */
    readonly line?: DeadLine,
  ) {}

  start(): void {
    const child = spawn(process.execPath, [cli, ...this.args], {
      cwd: root,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        ...asBuilt,
        ...this.env,
        ...(this.line && { ERRAND_DOCKET_URL: this.line.url }),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors = (this.errors + text).slice(-2_000)));
    child.once('exit', () => {
      if (!this.supervised) return;
      this.deaths++;
      this.start();
    });
    this.child = child;
  }

  /** Stops it, as a machine that sleeps does, and lets it go on after that time. */
  async pause(milliseconds: number): Promise<void> {
    const { child } = this;
    child?.kill('SIGSTOP');
    await sleep(milliseconds);
    child?.kill('SIGCONT');
  }

  /** From now on it is started again when it dies. */
  supervise(): void {
    this.supervised = true;
  }

  /** Ends it and waits until it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.supervised = false;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  }

  /** Kills it and starts it again. */
  async restart(): Promise<void> {
    const { supervised } = this;
    await this.end('SIGKILL');
    this.supervised = supervised;
    this.start();
  }

  /** What it said last on stderr, for a test that fails. */
  get lastWords(): string {
    const { exitCode, signalCode } = this.child ?? {};
    return `${this.args.join(' ')} (${exitCode ?? signalCode ?? 'alive'}): ${this.errors}`;
  }
}

export interface FleetOptions {
  readonly nodes: number;
  readonly workers: number;
  readonly env: Readonly<Record<string, string>>;
  /** Whether each process has a line of its own to Redis, which can be cut. Default: false. */
  readonly lines?: boolean;
}

/** Server nodes, workers and a Redis that keeps what it was told, each in a process of its own that can be killed. */
export class Fleet {
  readonly nodes: string[] = [];
  private readonly members: { readonly nodes: Member[]; readonly workers: Member[] } = { nodes: [], workers: [] };

  private constructor(
    private readonly folder: string,
    private redis: RedisServer,
  ) {}

  static async start(file: string, { nodes, workers, env, lines = false }: FleetOptions): Promise<Fleet> {
    const folder = await mkdtemp(join(tmpdir(), 'errand-faults-'));
    const fleet = new Fleet(folder, await startRedis({ args: persistent(folder) }));
    const all = { ...env, ERRAND_DOCKET_URL: fleet.url };
    const line = (): Promise<DeadLine> | undefined => (lines ? DeadLine.open(fleet.url) : undefined);
    for (let index = 0; index < nodes; index++) {
      const port = await freePort();
      fleet.nodes.push(`http://127.0.0.1:${port}/mcp`);
      fleet.members.nodes.push(new Member(['run', file, '--http', String(port)], all, await line()));
    }
    for (let index = 0; index < workers; index++) {
      const args = ['worker', file, '--concurrency', '50', '--name', `w${index}`];
      fleet.members.workers.push(new Member(args, all, await line()));
    }
    for (const member of fleet.all) member.start();
    return fleet;
  }

  /** Of the Redis, which keeps its port. */
  get url(): string {
    return this.redis.url;
  }

  /** Where its Redis keeps what it was told. */
  get data(): string {
    return this.folder;
  }

  /** Starts each process again when it ends, as whoever runs a fleet does. Gives how many workers have died so far. */
  supervise(): () => number {
    for (const member of this.all) member.supervise();
    return () => this.members.workers.reduce((sum, { deaths }) => sum + deaths, 0);
  }

  /** Kills one process at once, and starts it again. */
  async kill(what: 'node' | 'worker' | 'redis', index: number): Promise<void> {
    if (what === 'redis') {
      await this.redis.stop('SIGKILL');
      const { port } = this.redis;
      this.redis = await startRedis({ port, args: persistent(this.folder) });
      return;
    }
    await this.member(what, index).restart();
  }

  /** Stops one process for a time. */
  async pause(what: 'node' | 'worker', index: number, milliseconds: number): Promise<void> {
    await this.member(what, index).pause(milliseconds);
  }

  /** Cuts one process off from Redis for a time: nothing arrives, and nobody is told. */
  async cutOff(what: 'node' | 'worker', index: number, milliseconds: number): Promise<void> {
    const { line } = this.member(what, index);
    line?.cut();
    await sleep(milliseconds);
    line?.heal();
  }

  private member(what: 'node' | 'worker', index: number): Member {
    const members = this.members[`${what}s`];
    return members[index % members.length]!;
  }

  /** Lets the workers and nodes go, in the friendly way. */
  async leave(): Promise<void> {
    await Promise.all(this.all.map((member) => member.end('SIGTERM')));
  }

  /** Ends what is left, whatever it takes. */
  async stop(): Promise<void> {
    await Promise.all(this.all.map((member) => member.end('SIGKILL')));
    await Promise.all(this.all.map(async ({ line }) => line?.close()));
    await this.redis.stop('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  get lastWords(): string {
    return this.all.map(({ lastWords }) => lastWords).join('\n');
  }

  private get all(): readonly Member[] {
    return [...this.members.nodes, ...this.members.workers];
  }
}

/** What is answered is on the disk, and the file keeps all that was ever written. */
const persistent = (folder: string): string[] => [
  ...['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0', '--dir', folder],
  ...['--aof-timestamp-enabled', 'yes'],
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A message of JSON-RPC, as far as this client looks into it. */
interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly message?: string };
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/**
 * A client that does not give up: whatever breaks, it goes to the next node and asks again. What it is asked while it waits
 * for a result, it answers.
 */
export class StubbornClient {
  /** What went wrong, the last of it, for a test that fails. */
  readonly troubles: string[] = [];
  /** By node. One that failed has none until it works again: one request finds that out for all that wait. */
  private readonly sessions = new Map<string, Promise<string>>();
  private turn = 0;
  private id = 0;

  constructor(
    private readonly nodes: readonly string[],
    private readonly answer: (question: string) => Promise<string>,
    private readonly stopped: AbortSignal,
  ) {}

  /** The result of a request, or the error that a node answered with. */
  async request(method: string, params: object): Promise<Message> {
    for (;;) {
      const node = this.nodes[this.turn++ % this.nodes.length]!;
      const session = await this.session(node);
      try {
        const message = await this.once(node, session, method, params);
        // The docket cannot be reached just now, or a node began before its Redis.
        if (message.error === undefined || !isRetryable(message.error)) return message;
        this.fails(node, session, `${method}: ${message.error.message}`);
      } catch (error) {
        this.fails(node, session, `${method}: ${String(error)}`);
      }
      this.stopped.throwIfAborted();
    }
  }

  private async once(node: string, session: string, method: string, params: object): Promise<Message> {
    const id = ++this.id;
    const response = await this.post(node, session, { jsonrpc: '2.0', id, method, params });
    for await (const message of messagesOf(response)) {
      if (message.method === undefined && message.id === id) return message;
      if (message.method === 'elicitation/create') void this.reply(node, session, message);
    }
    throw new Error('The stream ended before the result');
  }

  private session(node: string): Promise<string> {
    let session = this.sessions.get(node);
    if (session === undefined) {
      session = this.reach(node);
      session.catch(() => undefined);
      this.sessions.set(node, session);
    }
    return session;
  }

  private async reach(node: string): Promise<string> {
    for (;;) {
      this.stopped.throwIfAborted();
      try {
        return await this.open(node);
      } catch (error) {
        this.note(`initialize: ${String(error)}`);
      }
      await sleep(200);
    }
  }

  private fails(node: string, session: string, trouble: string): void {
    this.note(trouble);
    // Others may have found a new one meanwhile.
    void this.sessions.get(node)?.then((current) => current === session && this.sessions.delete(node));
  }

  private note(trouble: string): void {
    this.troubles.push(trouble);
    if (this.troubles.length > 20) this.troubles.shift();
  }

  private async reply(node: string, session: string, { id, params }: Message): Promise<void> {
    const value = await this.answer(String(params?.message));
    const result = { action: 'accept', content: { value } };
    // An answer that gets lost is asked for again.
    await this.post(node, session, { jsonrpc: '2.0', id, result }).then(discard, () => undefined);
  }

  private async open(node: string): Promise<string> {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'stubborn', version: '1.0.0' },
    };
    const response = await this.post(node, undefined, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    const session = response.headers.get('mcp-session-id') ?? '';
    for await (const message of messagesOf(response)) if (message.error) throw new Error(message.error.message);
    await discard(await this.post(node, session, { jsonrpc: '2.0', method: 'notifications/initialized' }));
    return session;
  }

  private async post(node: string, session: string | undefined, body: object): Promise<Response> {
    const response = await fetch(node, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        ...(session !== undefined && { 'mcp-session-id': session }),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${node} answers ${response.status}: ${await response.text()}`);
    return response;
  }
}

/** Not the end of a task that was lost too often, which has the same code. */
const isRetryable = ({ code, message }: { code: number; message: string }): boolean =>
  !/interrupted/.test(message) && (code === -32603 || /docket|Redis/i.test(message));

async function discard(response: Response): Promise<void> {
  await response.arrayBuffer();
}

async function* messagesOf(response: Response): AsyncGenerator<Message> {
  if (response.headers.get('content-type')?.startsWith('application/json')) {
    yield (await response.json()) as Message;
    return;
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data:'));
      const body = data.map((line) => line.slice(5).trim()).join('');
      if (body !== '') yield JSON.parse(body) as Message;
    }
  }
}
