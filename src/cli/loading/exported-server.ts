import { ErrandError, messageOf } from '../../base/errors.js';
import { isClass } from '../../injection/tokens.js';
import type { ErrandServer } from '../../server/create-server.js';
import { hasProcess } from '../../server/process-contract.js';

const wayOut = (name: string): string =>
  `Export the server, or a function that makes one: export ${name === 'default' ? name : `const ${name} =`} createServer({ … }).`;

/**
 * The server that a file exports, itself or through a function that makes it.
 *
 * @param file - the name of the file, for messages
 * @param name - the name of the export, for messages
 * @throws {ErrandError} `SERVER_FILE` when it is no server, or making it fails.
 */
export async function serverOf(exported: unknown, file: string, name = 'default'): Promise<ErrandServer> {
  if (isClassSource(exported)) {
    throw new ErrandError(
      'SERVER_FILE',
      `${file} exports the class ${exported.name} as ${name}, which is not a server yet. Export one that has it: export ${name === 'default' ? name : `const ${name} =`} createServer({ name, version, components: [${exported.name}] }).`,
    );
  }
  const made = await resolved(exported, file, name);
  if (isServer(made)) return made;
  throw new ErrandError('SERVER_FILE', `${file} exports ${described(made)} as ${name}. ${wayOut(name)}`);
}

/** The file may have imported another copy of the package, whose classes are not ours. */
const isServer = (value: unknown): value is ErrandServer => hasProcess(value);

/** Functions have prototypes too; only a class cannot be called. */
const isClassSource = (value: unknown): value is { readonly name: string } =>
  isClass(value) && Function.prototype.toString.call(value).startsWith('class');

async function resolved(exported: unknown, file: string, name: string): Promise<unknown> {
  const isMaker = typeof exported === 'function';
  try {
    return await (isMaker ? (exported as () => unknown)() : exported);
  } catch (cause) {
    if (ErrandError.is(cause)) throw cause;
    const what = isMaker
      ? `the function that it exports as ${name} failed`
      : `the promise that it exports as ${name} was rejected`;
    throw new ErrandError('SERVER_FILE', `${file}: ${what}: ${messageOf(cause)}`, { cause });
  }
}

function described(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : `a ${typeof value}`;
  const [name] = Object.entries(value).find(([, member]) => hasProcess(member)) ?? [];
  return name === undefined ? 'an object' : `an object with the server in its property ${name}`;
}
