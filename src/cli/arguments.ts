import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ErrandError, messageOf } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { MonitorOptions } from '../server/telemetry/monitor.js';

/**
 * A command of `errand`, called with the arguments after its name. Sets `process.exitCode` if that says more than an
 * error. Resolves with how long its output may take to be read, in milliseconds; undefined for the default.
 */
export type Command = (args: readonly string[]) => Promise<number | undefined>;

type CommandOptions = NonNullable<ParseArgsConfig['options']>;

type Parsed<Options extends CommandOptions> = ReturnType<
  typeof parseArgs<{ args: readonly string[]; options: Options; allowPositionals: true }>
>;

/**
 * Parses the arguments of a command.
 *
 * @throws {ErrandError} `OPTIONS_INVALID`, with the usage of the command
 */
export function readArguments<const Options extends CommandOptions>(
  args: readonly string[],
  options: Options,
  usage: string,
): Parsed<Options> {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // The rest of Node.js's message explains how to pass a value that looks like an option, which helps nobody here.
    const [what = ''] = messageOf(error).split('. To specify');
    throw new ErrandError('OPTIONS_INVALID', `${what.replace(/\.?$/, '.')}\nUsage:\n${usage}`);
  }
}

/**
 * Returns the only file that a command takes.
 *
 * @throws {ErrandError} `OPTIONS_INVALID`
 */
export function onlyFile(command: string, positionals: readonly string[], usage: string): string {
  const [file, ...rest] = positionals;
  if (file !== undefined && rest.length === 0) return file;
  const wrong =
    file === undefined
      ? `errand ${command} needs a server file`
      : `errand ${command} takes one server file, but got ${positionals.length}: ${positionals.join(', ')}`;
  throw new ErrandError('OPTIONS_INVALID', `${wrong}.\nUsage:\n${usage}`);
}

/**
 * The port and address at which a command serves health and metrics.
 *
 * @throws {ErrandError} `OPTIONS_INVALID`
 */
export function monitorAt(option: string, port: string | undefined, host: string | undefined): MonitorOptions {
  return { ...(port !== undefined && { port: toPort(option, port) }), ...(host !== undefined && { host }) };
}

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toPort(option: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${option} is ${shown(JSON.stringify(text))}. Give a port from 0 (a free one) to 65535.`,
  );
}
