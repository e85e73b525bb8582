import { posix } from 'node:path';
import ts from 'typescript';

/** What one file says of others. */
export interface SourceFile {
  /** From the root of the repository, for example `src/base/errors.ts`. */
  readonly path: string;
  readonly text: string;
}

/** As .config/arrows.js has them. */
export interface Arrows {
  readonly folders: Readonly<Record<string, { readonly may: readonly string[] }>>;
  readonly owners: Readonly<Record<string, { readonly folders: readonly string[] }>>;
}

/** Everything that a file imports, types and `import()` included. */
export function importsOf({ text }: SourceFile): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** Every import that the arrows forbid, as a sentence. */
export function forbiddenImports(files: readonly SourceFile[], { folders, owners }: Arrows): string[] {
  return files.flatMap((file) => {
    const from = folderOf(file.path);
    if (from === undefined) return [];
    const may = folders[from]?.may;
    if (may === undefined) return [`${file.path}: src/${from} is not in the table`];
    return importsOf(file).flatMap((specifier) => {
      if (!specifier.startsWith('.')) {
        const owner = Object.entries(owners).find(([name]) => specifier === name || specifier.startsWith(`${name}/`));
        return owner === undefined || owner[1].folders.includes(from) ? [] : [`${file.path} imports ${specifier}`];
      }
      const target = resolved(file.path, specifier);
      const to = folderOf(target);
      const allowed = to !== undefined && (to === from || may.includes(to)) && posix.basename(target) !== 'index.ts';
      return allowed ? [] : [`${file.path} imports ${target}`];
    });
  });
}

/** The files that load each other in a circle, one list per circle. What is loaded later, by `import()`, is no part of it. */
export function circles(files: readonly SourceFile[]): string[][] {
  const loads = new Map(files.map((file) => [file.path, loadedWith(file)]));
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) found.push([...trail.slice(seen), path]);
    if (seen >= 0 || done.has(path)) return;
    for (const next of loads.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of loads.keys()) walk(path, []);
  return found;
}

/** With verbatimModuleSyntax, what is not `import type` as a whole is loaded. */
function loadedWith({ path, text }: SourceFile): string[] {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022).statements.flatMap((statement) => {
    const loads =
      (ts.isImportDeclaration(statement) && statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword) ||
      (ts.isExportDeclaration(statement) && !statement.isTypeOnly);
    if (!loads || statement.moduleSpecifier === undefined || !ts.isStringLiteral(statement.moduleSpecifier)) return [];
    const { text: specifier } = statement.moduleSpecifier;
    return specifier.startsWith('.') ? [resolved(path, specifier)] : [];
  });
}

/** The names of what a file hands on by `export *`. */
export function wholesaleExports({ path, text }: SourceFile): string[] {
  return ts
    .createSourceFile(path, text, ts.ScriptTarget.ES2022)
    .statements.filter(ts.isExportDeclaration)
    .filter(({ exportClause }) => exportClause === undefined || ts.isNamespaceExport(exportClause))
    .map(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text);
}

const resolved = (path: string, specifier: string): string =>
  posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');

/** `base` of `src/base/errors.ts`; undefined for files of src itself. */
const folderOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];
