#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ErrandError, messageOf } from '../base/errors.js';
import { run } from './run.js';

const help = `Usage:
  errand run <file>                 serve the file's server over stdio
  errand run <file> --http <port>   serve it over Streamable HTTP (0 = a free port)
             [--host <address>]     bind to another address than 127.0.0.1
             [--allow-host <name>]  answer requests for this name as well; once for each name
             [--stateless]          keep no sessions, so that any process can serve any request
  errand --version
  errand --help

A server file exports its server as default: export default createServer({ … })
`;

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        http: { type: 'string' },
        host: { type: 'string' },
        'allow-host': { type: 'string', multiple: true },
        stateless: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    throw new ErrandError('OPTIONS_INVALID', `${messageOf(error)}\n${help}`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  const [command, file, ...rest] = positionals;
  if (values.version === true) {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    process.stdout.write(`${version}\n`);
  } else if (values.help === true || command === undefined) {
    process.stdout.write(help);
  } else if (command === 'run' && file !== undefined && rest.length === 0) {
    await run(file, values);
  } else {
    throw new ErrandError('OPTIONS_INVALID', `errand does not know '${positionals.join(' ')}'.\n${help}`);
  }
}

main().then(
  // Whatever the user's code keeps open, the server is closed.
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`errand: ${messageOf(error)}\n`);
    // Our own errors say it all; of the user's code the place is worth knowing.
    const thrown = ErrandError.is(error) ? error.cause : error;
    if (thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
    process.exit(1);
  },
);
