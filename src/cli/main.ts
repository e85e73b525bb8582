#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { ErrandError, messageOf } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { Command } from './arguments.js';
import { exitOnceRead, outliveReaders } from './exit.js';
import { meantBy, type Synonyms } from './meant.js';
import { printableLines } from './printing.js';
import { usages } from './usages.js';

/** Each is loaded only when called: loading takes most of the startup time. */
const commands: Readonly<Record<keyof typeof usages, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.js')).runCommand,
  worker: async () => (await import('./commands/worker.js')).workerCommand,
  tasks: async () => (await import('./commands/tasks.js')).tasksCommand,
  workers: async () => (await import('./commands/workers.js')).workersCommand,
};

/** What other tools call these. */
const synonyms: Synonyms<keyof typeof commands> = {
  run: ['serve', 'start', 'dev', 'server', 'listen'],
  worker: ['work', 'consume'],
  tasks: ['executions', 'jobs', 'ls', 'list', 'queue'],
};

const help = `Usage:
${Object.values(usages).join('\n')}
  errand <command> --help
  errand --version
  errand --help

A server file exports its server as default: export default createServer({ … })
`;

async function main([name, ...args]: readonly string[]): Promise<number | undefined> {
  if (name === '--version' || name === '-v') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    process.stdout.write(`${version}\n`);
  } else if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(help);
  } else if (!isCommand(name)) {
    const known = Object.keys(commands) as (keyof typeof commands)[];
    const meant = meantBy(name, known, synonyms);
    const probably = meant === undefined ? '' : ` You probably mean ${meant}.`;
    throw new ErrandError(
      'OPTIONS_INVALID',
      `errand has no command '${shown(name)}'. Give one of ${known.join(', ')}, or --help.${probably}`,
    );
  } else if (args.some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(`Usage:\n${usages[name]}\n`);
  } else {
    const command = await commands[name]();
    return command(args);
  }
  return undefined;
}

const isCommand = (name: string): name is keyof typeof commands => Object.hasOwn(commands, name);

outliveReaders();
main(process.argv.slice(2)).then(
  // The server is closed by now, whatever else the user's code keeps open.
  exitOnceRead,
  (error: unknown) => {
    process.stderr.write(`errand: ${printableLines(messageOf(error))}\n`);
    // Our own errors say it all. For the user's, the stack trace shows where they come from.
    const thrown = ErrandError.is(error, 'SERVER_FILE') ? error.cause : ErrandError.is(error) ? undefined : error;
    if (thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
    process.exitCode = 1;
    return exitOnceRead();
  },
);
