import { createInterface } from 'node:readline/promises';
import type { CallProgress, UserAnswer, UserQuestion } from 'errand/client';

const { stdin, stdout } = process;

/** Shows the progress of a call: as a bar on a terminal, otherwise as one line per tenth. */
export class ProgressBar {
  private tenths = -1;
  private drawn = false;

  /** Handler for `onProgress`. */
  readonly update = ({ progress, total = 0, message = '' }: CallProgress): void => {
    const share = total === 0 ? 1 : progress / total;
    if (stdout.isTTY) {
      const filled = Math.round(share * 30);
      const bar = '█'.repeat(filled) + '░'.repeat(30 - filled);
      stdout.write(`\r\u001b[K  ${bar} ${progress}/${total} ${message.slice(-40)}`);
      this.drawn = true;
    } else if (Math.floor(share * 10) > this.tenths) {
      this.tenths = Math.floor(share * 10);
      stdout.write(`  ${progress} of ${total} files\n`);
    }
  };

  /** Ends the line of the bar. */
  end(): void {
    if (this.drawn) stdout.write('\n');
    this.drawn = false;
  }
}

/** Asks the person at the terminal. Without a terminal, the answer is yes. */
export async function askYesOrNo({ message }: UserQuestion): Promise<UserAnswer> {
  if (!stdin.isTTY || !stdout.isTTY) {
    stdout.write(`  ? ${message} (no terminal: yes)\n`);
    return { action: 'accept', content: { value: true } };
  }
  const terminal = createInterface({ input: stdin, output: stdout });
  terminal.once('SIGINT', () => process.exit(130));
  const typed = (await terminal.question(`  ? ${message} [Y/n] `)).trim().toLowerCase();
  terminal.close();
  return { action: 'accept', content: { value: typed === '' || typed.startsWith('y') } };
}

/** Prints aligned columns. */
export function printTable(rows: readonly (readonly (string | number)[])[]): void {
  for (const [name, ...numbers] of rows) {
    stdout.write(`  ${String(name).padEnd(14)}${numbers.map((each) => String(each).padStart(10)).join('')}\n`);
  }
}
