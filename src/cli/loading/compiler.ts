import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import type { TransformOptions } from 'jiti';
import type * as TypeScript from 'typescript';
import { ErrandError } from '../../base/errors.js';

/**
 * What jiti hands over has the shape of Node.js's own modules, also where CommonJS was loaded before by somebody else: its
 * exports then are the default.
 */
const asModule =
  'jitiImport=(load=>async(...a)=>{const m=await load(...a);return m===null||typeof m!=="object"&&typeof m!=="function"||"default"in m||m.__esModule||m[Symbol.toStringTag]==="Module"?m:{...m,default:m}})(jitiImport);';

/**
 * Compiles files for jiti, and keeps the output on disk by what it was made of. TypeScript is compiled by the one of the
 * project, so that it means the same as when it is built. jiti's Babel makes of the result what jiti runs. It does all of it
 * where a project has no TypeScript, or 7.0, which cannot be called.
 */
export class Compiler {
  private readonly require: NodeJS.Require;
  /** Of the TypeScript of the project; empty if it has none. */
  private readonly version: string;
  /** The versions of all that compile. */
  private readonly compilers: readonly string[];
  private readonly cache: string | undefined;
  private readonly configs = new Map<string, string>();
  private readonly options = new Map<string, TypeScript.CompilerOptions>();
  private typescript: typeof TypeScript | undefined;

  /** @param babel - jiti's own compiler */
  constructor(
    path: string,
    private readonly babel: (file: TransformOptions) => string,
  ) {
    this.require = createRequire(path);
    this.version = versionOf(this.require, 'typescript/package.json');
    const ours = createRequire(import.meta.url);
    this.compilers = [this.version, versionOf(ours, '../../../package.json'), versionOf(ours, 'jiti/package.json')];
    const modules = above(dirname(path), 'node_modules');
    this.cache = modules && join(modules, '.cache', 'errand');
  }

  /**
   * The code of a file, with its source map at the end.
   *
   * @throws {ErrandError} `SERVER_FILE` if it is no TypeScript.
   */
  compile(file: TransformOptions): string {
    const { filename = '', source, async = false, ts = false } = file;
    const config = ts ? above(dirname(filename), 'tsconfig.json') : undefined;
    const made = [this.compilers, asModule, filename, async, config && this.textOf(config), source];
    return this.cached(filename, async, JSON.stringify(made), () => {
      const javaScript = ts ? this.fromTypeScript(source, filename, config) : undefined;
      const code = this.babel(javaScript === undefined ? file : { ...file, source: javaScript, ts: false });
      return async ? code.replace(/^("use strict";)?/, `$1${asModule}`) : code;
    });
  }

  private fromTypeScript(source: string, fileName: string, config: string | undefined): string | undefined {
    if (this.version === '') return undefined;
    const ts = (this.typescript ??= this.require('typescript') as typeof TypeScript);
    // The type says otherwise, but TypeScript 7 has only a version.
    if (typeof (ts as Partial<typeof TypeScript>).transpileModule !== 'function') return undefined;
    const compilerOptions: TypeScript.CompilerOptions = {
      target: ts.ScriptTarget.ES2022,
      ...this.optionsOf(config, ts),
      // Babel makes CommonJS of the modules. This leaves `export =` and `import x = require()` as they are.
      module: ts.ModuleKind.Preserve,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      sourceMap: false,
      inlineSourceMap: true,
      inlineSources: false,
    };
    const { outputText, diagnostics = [] } = ts.transpileModule(source, {
      fileName,
      compilerOptions,
      reportDiagnostics: true,
    });
    // What it says of no file is of options, which matter to its own builds.
    const wrong = diagnostics.find(({ file }) => file !== undefined);
    if (wrong?.file === undefined) return outputText;
    const { line, character } = wrong.file.getLineAndCharacterOfPosition(wrong.start ?? 0);
    throw new ErrandError(
      'SERVER_FILE',
      `${fileName} cannot be loaded: line ${line + 1}, column ${character + 1}: ${ts.flattenDiagnosticMessageText(wrong.messageText, '\n')}`,
    );
  }

  /** What a tsconfig says of the output. The files of its project do not matter, and take long to find. */
  private optionsOf(config: string | undefined, ts: typeof TypeScript): TypeScript.CompilerOptions {
    if (config === undefined) return {};
    const known = this.options.get(config);
    if (known !== undefined) return known;
    const { config: json } = ts.readConfigFile(config, (name) => ts.sys.readFile(name)) as { config?: unknown };
    const host = { ...ts.sys, readDirectory: () => [] };
    const { options } = ts.parseJsonConfigFileContent(json ?? {}, host, dirname(config));
    this.options.set(config, options);
    return options;
  }

  /** The text of a tsconfig and of those beside it that it extends. */
  private textOf(config: string): string {
    const known = this.configs.get(config);
    if (known !== undefined) return known;
    this.configs.set(config, ''); // it may extend itself
    const text = existsSync(config) ? readFileSync(config, 'utf8') : '';
    const [, extended = ''] = /"extends"\s*:\s*(\[[^\]]*\]|"[^"]*")/.exec(text) ?? [];
    const bases = [...extended.matchAll(/"(\.[^"]*)"/g)].map(([, base = '']) => resolve(dirname(config), base));
    const all = [text, ...bases.map((base) => this.textOf(base.endsWith('.json') ? base : `${base}.json`))].join('\n');
    this.configs.set(config, all);
    return all;
  }

  /** Keeps the output of each file, until it is made of something else. What cannot be kept is compiled again each time. */
  private cached(file: string, async: boolean, made: string, make: () => string): string {
    if (this.cache === undefined) return make();
    const path = join(this.cache, `${basename(file)}-${hashOf(file).slice(0, 16)}.${async ? 'mjs' : 'cjs'}`);
    const mark = `\n/* ${hashOf(made)} */`;
    const kept = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (kept.endsWith(mark)) return kept.slice(0, -mark.length);
    const code = make();
    try {
      mkdirSync(this.cache, { recursive: true });
      // Other processes may start at the same time, and must not read half of it.
      const part = `${path}.${randomUUID()}`;
      writeFileSync(part, code + mark);
      renameSync(part, path);
    } catch {
      // The folder is not ours to write, or full.
    }
    return code;
  }
}

function versionOf(require: NodeJS.Require, manifest: string): string {
  try {
    return (require(manifest) as { version: string }).version;
  } catch {
    return '';
  }
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The nearest file or folder of this name. */
function above(folder: string, name: string): string | undefined {
  const found = join(folder, name);
  if (existsSync(found)) return found;
  return dirname(folder) === folder ? undefined : above(dirname(folder), name);
}
