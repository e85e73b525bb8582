import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { transformFile } from '@swc/core';
import { root, runNode, type Ended } from '../helpers/child.js';

/** What fixtures/metadata/run.ts prints for a program. */
interface Outcome {
  readonly arguments?: string[];
  readonly text?: string;
  readonly isError?: true;
  readonly refused?: { readonly code: string; readonly message: string };
}

const source = join(root, 'test/package/fixtures/metadata');
const compilers = ['tsc', 'swc', 'jiti', 'tsx'] as const;
/** The three that emit what the parameters' types are. */
const emitting = ['tsc', 'swc', 'jiti'] as const;
/** The two whose modules show others what they have exported so far. */
const circular = ['tsc', 'jiti'] as const;

/** Every program runs once per compiler, in one process per compiler. */
const outcomes = new Map<string, Map<string, Outcome>>();
const looked = new Set<string>();
let temporary: string;

beforeAll(async () => {
  await mkdir(join(root, '.cache'), { recursive: true });
  temporary = await mkdtemp(join(root, '.cache', 'metadata-'));
  const all = ['programs', 'circular'];
  const runs: Record<string, () => Promise<Ended>> = {
    tsc: () => underTsc('tsconfig.json', all),
    swc: () => underSwc(all),
    jiti: () => underJiti(all),
    tsx: () => underTsx('tsconfig.json', ['programs']),
    'tsc in standard mode': () => underTsc('tsconfig.standard.json', ['standard']),
    'tsx in standard mode': () => underTsx('tsconfig.standard.json', ['standard']),
  };
  await Promise.all(Object.entries(runs).map(async ([name, run]) => outcomes.set(name, read(name, await run()))));
}, 60_000);

afterAll(() => rm(temporary, { recursive: true, force: true }));

async function underTsc(config: string, folders: readonly string[]): Promise<Ended> {
  const out = join(temporary, config);
  const compiled = await runNode(['node_modules/typescript/lib/tsc.js', '-p', join(source, config), '--outDir', out]);
  if (compiled.code !== 0) return compiled;
  return runNode([join(out, 'run.js'), ...folders]);
}

async function underSwc(folders: readonly string[]): Promise<Ended> {
  const out = join(temporary, 'swc');
  for (const file of await readdir(source, { recursive: true })) {
    if (!/\.c?ts$/.test(file)) continue;
    const { code } = await transformFile(join(source, file), {
      swcrc: false,
      module: { type: file.endsWith('.cts') ? 'commonjs' : 'nodenext' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
    });
    await mkdir(join(out, file, '..'), { recursive: true });
    await writeFile(join(out, file.replace(/ts$/, 'js')), code);
  }
  return runNode([join(out, 'run.js'), ...folders]);
}

/** As the command loads a server file; the package itself is never transpiled where it is installed. */
function underJiti(folders: readonly string[]): Promise<Ended> {
  return runNode(['node_modules/jiti/lib/jiti-cli.mjs', join(source, 'run.ts'), ...folders], {
    env: { JITI_FS_CACHE: 'false', JITI_INTEROP_DEFAULT: 'false', JITI_NATIVE_MODULES: '["errand"]' },
  });
}

function underTsx(config: string, folders: readonly string[]): Promise<Ended> {
  const tsconfig = join(source, config);
  return runNode(['node_modules/tsx/dist/cli.mjs', '--tsconfig', tsconfig, join(source, 'run.ts'), ...folders]);
}

function read(name: string, { code, stdout, stderr }: Ended): Map<string, Outcome> {
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}${stdout}`);
  const lines = stdout.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const { program, ...outcome } = JSON.parse(line) as Outcome & { program: string };
      return [program, outcome];
    }),
  );
}

function outcomeOf(program: string, compiler: string): Outcome {
  const outcome = outcomes.get(compiler)?.get(program);
  if (outcome === undefined) throw new Error(`${program} did not run under ${compiler}`);
  looked.add(program);
  return outcome;
}

/** What each of the compilers leads to, for a comparison that shows them all when one differs. */
function under(names: readonly string[], program: string): Record<string, Outcome> {
  return Object.fromEntries(names.map((name) => [name, outcomeOf(program, name)]));
}

function each<T>(names: readonly string[], outcome: T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, outcome]));
}

const refused = (code: string, message: string): Outcome => ({ refused: { code, message } });

const erased = (where: string): Outcome =>
  refused(
    'PARAMETER_UNBOUND',
    `${where}: its type does not exist at run time. For a class, import it as a value (no \`import type\`, no circular import); for an interface, a union or a default value, write @inject(Token).`,
  );
const undefinedType = (where: string): Outcome =>
  refused(
    'PARAMETER_UNBOUND',
    `${where}: its type is undefined at run time, because of a circular import or a default value. Break the cycle or drop the default, or write @inject(Token).`,
  );
const noMetadata = (where: string): Outcome =>
  refused(
    'PARAMETER_UNBOUND',
    `${where}: the compiler emitted no metadata for it. Write @inject(Token), or enable emitDecoratorMetadata.`,
  );
const notInjectable = (where: string): Outcome =>
  refused(
    'CLASS_NOT_INJECTABLE',
    `${where}: no metadata describes it. Put @injectable() on the class, or @inject(Token) on each parameter if the compiler emits no metadata.`,
  );

describe('what works', () => {
  it.each([
    ['class-typed-method', { arguments: [], text: 'run with 7 of 7' }],
    ['class-typed-constructor', { arguments: [], text: 'stock 7' }],
    ['optional-parameter', { arguments: [], text: 'run' }],
  ])('%s: by class type where the compiler emits metadata', (program, outcome) => {
    expect(under(emitting, program)).toEqual(each(emitting, outcome));
  });

  it.each([
    ['inject-alone', { arguments: ['pieces'], text: 'run: 6 of 7, one warehouse' }],
    ['inject-beside-input', { arguments: ['pieces'], text: 'run: 2' }],
    ['define-tool', { arguments: ['pieces'], text: 'run: 2 of 7' }],
    ['override-decorated', { arguments: [], text: 'run again' }],
  ])('%s: under every compiler', (program, outcome) => {
    expect(under(compilers, program)).toEqual(each(compilers, outcome));
  });

  it('delay() breaks a circle of imports', () => {
    expect(under(circular, 'by-delay')).toEqual(each(circular, { arguments: [], text: 'shelf 3' }));
  });
});

describe('what the metadata hides', () => {
  it.each([
    ['import-type', 'warehouse'],
    ['interface', 'prices'],
    ['union', 'source'],
    ['function-type', 'now'],
  ])('%s: the type was erased', (program, name) => {
    const where = `Tools.run, parameter 1 (${name})`;
    expect(under(compilers, program)).toEqual({ ...each(emitting, erased(where)), tsx: noMetadata(where) });
  });

  it('a primitive: did you mean @param', () => {
    const where = 'Tools.run, parameter 1 (quarter)';
    expect(under(compilers, 'primitive')).toEqual({
      ...each(
        emitting,
        refused(
          'PARAMETER_UNBOUND',
          `${where}: its type is String, which is never injected by type. Did you mean @param(name, schema)? Otherwise write @inject(Token).`,
        ),
      ),
      tsx: noMetadata(where),
    });
  });

  it('a default value without a type, which compilers show in two ways', () => {
    const where = 'Tools.run, parameter 1 (warehouse)';
    expect(under(compilers, 'default-value')).toEqual({
      tsc: erased(where),
      swc: undefinedType(where),
      jiti: undefinedType(where),
      tsx: noMetadata(where),
    });
  });

  it('a circular import, which compilers show in two ways', () => {
    const where = 'Tools.run, parameter 1 (stock)';
    expect(under(circular, 'by-type')).toEqual({ tsc: undefinedType(where), jiti: erased(where) });
  });

  it('a circular import in @inject', () => {
    const message =
      'EarlyTools.run, parameter 1: @inject got undefined, most likely because of a circular import. Import the class from its own file, or write @inject(delay(() => TheClass)).';
    expect(under(circular, 'by-inject')).toEqual(each(circular, refused('PARAMETER_UNBOUND', message)));
  });

  it('a circular import that the engine itself refuses, because the class is exported before it is made', () => {
    const message = "Cannot access 'Stock' before initialization";
    expect(outcomeOf('by-type', 'swc')).toEqual(refused('ReferenceError', message));
  });
});

describe('where there is no metadata', () => {
  it('a class type on a method says: write @inject', () => {
    expect(outcomeOf('class-typed-method', 'tsx')).toEqual(noMetadata('Tools.run, parameter 1 (ctx)'));
    expect(outcomeOf('optional-parameter', 'tsx')).toEqual(noMetadata('Tools.run, parameter 1 (ctx)'));
  });

  it('a class type on a constructor says: write @inject', () => {
    const where = 'Tools.run: Tools, constructor parameter 1 (warehouse)';
    expect(outcomeOf('class-typed-constructor', 'tsx')).toEqual(notInjectable(where));
  });

  it('a default value does not hide the parameters after it, nor itself', () => {
    const where = 'Tools.run, parameter 1 (warehouse)';
    const works = each(emitting, { arguments: [], text: 'run with 7' });
    expect(under(compilers, 'default-before')).toEqual({ ...works, tsx: noMetadata(where) });
    expect(under(compilers, 'default-before-inject')).toEqual({ ...works, tsx: noMetadata(where) });
  });

  it('a class with constructor parameters but no @injectable()', () => {
    expect(under(compilers, 'not-injectable')).toEqual(
      each(compilers, notInjectable('Tools.run: Tools, constructor parameter 1 (warehouse)')),
    );
    expect(under(compilers, 'not-injectable-provider')).toEqual(
      each(compilers, notInjectable('Tools.run → Bakery: Bakery, constructor parameter 1 (warehouse)')),
    );
  });
});

describe('what no compiler can make right', () => {
  it('an override of a decorated method without a decorator of its own', () => {
    const message =
      'Tools.run overrides Base.run, which has @tool, without a decorator of its own. Repeat @tool(…) on the override.';
    expect(under(compilers, 'override')).toEqual(each(compilers, refused('COMPONENT_INVALID', message)));
  });

  it('a symbol-named method', () => {
    // jiti's parser takes the name for a property of the decorator, and refuses the file.
    for (const compiler of ['tsc', 'swc', 'tsx']) {
      const { code, message } = outcomeOf('symbol-named', compiler).refused ?? {};
      expect({ compiler, code }).toEqual({ compiler, code: 'COMPONENT_INVALID' });
      expect(message).toContain('@tool on the method Symbol(run)');
    }
  });

  it('decorators in standard mode', () => {
    const standard = ['tsc in standard mode', 'tsx in standard mode'];
    for (const decorator of ['tool', 'job']) {
      const message = `@${decorator} ran as a standard decorator. Set "experimentalDecorators": true in the tsconfig.json that covers the file.`;
      expect(under(standard, decorator)).toEqual(each(standard, refused('DECORATOR_MODE', message)));
    }
  });
});

it('leaves no program without a test', () => {
  const all = [...outcomes.values()].flatMap((programs) => [...programs.keys()]);
  expect([...looked].sort()).toEqual([...new Set(all)].sort());
});
