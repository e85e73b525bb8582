#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Command } from './arguments.js';
import { printableLines } from './printing.js';
import { runCommand } from './run.js';
import { tasksCommand } from './tasks.js';
import { workerCommand } from './worker.js';
import { workersCommand } from './workers.js';

/** By name, in the order of the help. */
const commands: ReadonlyMap<string, Command> = new Map([
  ['run', runCommand],
  ['worker', workerCommand],
  ['tasks', tasksCommand],
  ['workers', workersCommand],
]);

const help = `Usage:
${[...commands.values()].map(({ usage }) => usage).join('\n')}
  errand <command> --help
  errand --version
  errand --help

A server file exports its server as default: export default createServer({ … })
`;

async function main([name, ...args]: readonly string[]): Promise<void> {
  const command = commands.get(name ?? '');
  if (name === '--version' || name === '-v') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    process.stdout.write(`${version}\n`);
  } else if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(help);
  } else if (command === undefined) {
    const known = [...commands.keys()].join(', ');
    throw new ErrandError('OPTIONS_INVALID', `errand has no command '${name}'. Give one of ${known}, or --help.`);
  } else if (args.some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(`Usage:\n${command.usage}\n`);
  } else {
    await command.run(args);
  }
}

main(process.argv.slice(2)).then(
  // Whatever the user's code keeps open, the server is closed.
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`errand: ${printableLines(messageOf(error))}\n`);
    // Our own errors say it all; of the user's code the place is worth knowing.
    const thrown = ErrandError.is(error, 'SERVER_FILE') ? error.cause : ErrandError.is(error) ? undefined : error;
    if (thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
    process.exit(1);
  },
);
