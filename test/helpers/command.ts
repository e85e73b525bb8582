import type { Command } from '../../src/cli/arguments.js';
import { messageOf } from '../../src/base/errors.js';
import type { Ended } from './child.js';

/**
 * Runs a command of `errand` in this process, for what it prints and how it ends: a process of its own takes most of a
 * second to load what is loaded here. What belongs to the process, as signals, needs one.
 */
export async function runHere(command: Command, args: readonly string[]): Promise<Ended> {
  const [stdout, stderr] = [collect(process.stdout), collect(process.stderr)];
  const [before, listeners] = [process.exitCode, process.stdout.listeners('error')];
  process.exitCode = undefined;
  try {
    await command(args);
    return { code: exitCode(), stdout: stdout.text(), stderr: stderr.text() };
  } catch (error) {
    return { code: 1, stdout: stdout.text(), stderr: `errand: ${messageOf(error)}\n` };
  } finally {
    process.exitCode = before;
    for (const listener of process.stdout.listeners('error')) {
      if (!listeners.includes(listener)) process.stdout.off('error', listener as () => void);
    }
    stdout.stop();
    stderr.stop();
  }
}

/** The command sets it, which the compiler cannot see. */
const exitCode = (): number => (typeof process.exitCode === 'number' ? process.exitCode : 0);

/** What is written to a stream, in place of writing it. */
function collect(stream: NodeJS.WriteStream): { text(): string; stop(): void } {
  const write = stream.write.bind(stream);
  let text = '';
  stream.write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  return {
    text: () => text,
    stop: () => {
      stream.write = write;
    },
  };
}
