import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a process may take to become ready, and to end, in milliseconds. */
const startsWithin = 60_000;
const endsWithin = 15_000;

/** How many lines of output are kept, to be shown if something goes wrong. */
const linesKept = 20;

/** A program to start. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Matches the line that says it is ready. `start` returns the captured text, or the whole line. */
  readonly ready: RegExp;
}

/** A problem with this machine or the sample, described in one sentence. */
export class Trouble extends Error {}

/** The processes of this run. All of them end with it, whatever happens. */
export class Processes {
  private readonly running = new Map<string, ChildProcess>();
  private readonly log: string[] = [];
  private isOver = false;
  private fail: (error: Trouble) => void = () => undefined;
  /** Rejects when a process ends unexpectedly. */
  readonly broken = new Promise<never>((_, reject) => (this.fail = reject));

  constructor() {
    // Callers race against it. Outside of a race, it must not be an unhandled rejection.
    this.broken.catch(() => undefined);
  }

  /** The last lines of output. */
  get lastLines(): readonly string[] {
    return this.log;
  }

  /** The running processes, with their ids. */
  get pids(): readonly string[] {
    return [...this.running].map(([name, { pid }]) => `${name} ${pid ?? ''}`);
  }

  /** Starts a program. Resolves when it is ready. */
  async start({ name, command, args, env = {}, ready }: Program): Promise<string> {
    if (this.isOver) throw new Trouble(`${name} is not started: everything is being stopped.`);
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${String(code)}`}`));
    });
    if (child.pid !== undefined) this.running.set(name, child);
    void ended.then((why) => {
      // Processes that we end ourselves are removed first.
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

  /** Kills a process without warning. */
  async kill(name: string): Promise<void> {
    const child = this.running.get(name);
    if (child === undefined) throw new Trouble(`There is no process ${name} to kill.`);
    this.running.delete(name);
    child.kill('SIGKILL');
    await hasEnded(child);
  }

  /** Ends all processes and prevents new ones. The one that was started first ends last, since the others use it. */
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
