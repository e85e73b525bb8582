import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a process may take to get ready and to end, in milliseconds. */
const startsWithin = 60_000;
const endsWithin = 15_000;

/** How many lines of a process are kept, to be shown when something goes wrong. */
const linesKept = 20;

/** What to start. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A line that says that it is ready. What is captured, or else the line, is what the start gives. */
  readonly ready: RegExp;
}

/** Something that is wrong with this machine or the sample, said in one sentence. */
export class Trouble extends Error {}

/** The processes of this run. Whatever happens, all of them end with it. */
export class Processes {
  private readonly running = new Map<string, ChildProcess>();
  private readonly log: string[] = [];
  private isOver = false;
  private fail: (error: Trouble) => void = () => undefined;
  /** Rejects when a process ends that nobody has told to. */
  readonly broken = new Promise<never>((_, reject) => (this.fail = reject));

  constructor() {
    // Heard by whoever races against it; before and after, nobody does.
    this.broken.catch(() => undefined);
  }

  /** What the processes said last. */
  get lastLines(): readonly string[] {
    return this.log;
  }

  /** Those that run, with their process ids. */
  get pids(): readonly string[] {
    return [...this.running].map(([name, { pid }]) => `${name} ${pid ?? ''}`);
  }

  /** Resolves when the program is ready. */
  async start({ name, command, args, env = {}, ready }: Program): Promise<string> {
    if (this.isOver) throw new Trouble(`${name} is not started: everything is being stopped.`);
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${String(code)}`}`));
    });
    if (child.pid !== undefined) this.running.set(name, child);
    void ended.then((why) => {
      // Whom we end ourselves, we forget before.
      if (this.running.delete(name)) this.fail(new Trouble(`${name} is gone: ${why}.`));
    });
    const line = new Promise<string>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (text) => {
          this.keep(`${name}: ${text}`);
          const match = ready.exec(text);
          if (match) resolve(match[1] ?? text);
        });
      }
    });
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      deadline = setTimeout(() => resolve(`it is not ready after ${startsWithin / 1_000} seconds`), startsWithin);
    });
    const failed = Promise.race([ended, late]).then((why) => {
      throw new Trouble(`${name} did not start: ${why}.`);
    });
    return Promise.race([line, failed]).finally(() => clearTimeout(deadline));
  }

  /** Ends a process without a chance to say goodbye. */
  async kill(name: string): Promise<void> {
    const child = this.running.get(name);
    if (child === undefined) throw new Trouble(`There is no process ${name} to kill.`);
    this.running.delete(name);
    child.kill('SIGKILL');
    await hasEnded(child);
  }

  /** Ends all processes and lets no other start: first those that use the one that was started first, then that. */
  async stop(): Promise<void> {
    this.isOver = true;
    const [first, ...others] = this.running;
    await Promise.all(others.map((each) => this.end(...each)));
    if (first !== undefined) await this.end(...first);
  }

  private async end(name: string, child: ChildProcess): Promise<void> {
    this.running.delete(name);
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), endsWithin);
    await hasEnded(child);
    clearTimeout(force);
  }

  private keep(line: string): void {
    this.log.push(line);
    if (this.log.length > linesKept) this.log.shift();
  }
}

async function hasEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
