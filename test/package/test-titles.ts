import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../helpers/child.js';

/** What the tests of one file say of themselves. */
export interface Titles {
  /** The titles of all tests, those of `it.each` with their placeholders. */
  readonly titles: readonly string[];
  /** What is switched off, or switches others off: `it.skip`, `describe.only`, `xit` and the like. */
  readonly switchedOff: readonly string[];
}

const tests = new Set(['it', 'test']);
const off = /^(x|f)(it|test|describe)$/;
const switches = new Set(['skip', 'only', 'todo', 'failing', 'skipIf']);

/** Reads the titles of all tests of the repository, with the file below `test` that they are in. */
export async function readTitles(): Promise<(Titles & { readonly file: string })[]> {
  const folder = join(root, 'test');
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.test.ts'));
  return Promise.all(
    files.map(async (file) => ({ file, ...titlesOf(file, await readFile(join(folder, file), 'utf8')) })),
  );
}

/** Reads the titles of the tests in a source text. */
export function titlesOf(path: string, text: string): Titles {
  const titles: string[] = [];
  const switchedOff: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const names = namesOf(node.expression);
      const [root = ''] = names;
      if (tests.has(root) || root === 'describe' || off.test(root)) {
        if (off.test(root) || names.some((name) => switches.has(name))) switchedOff.push(`${path}: ${names.join('.')}`);
        const [title] = node.arguments;
        // The first call of `it.each(table)(title, …)` has no title, only a table.
        if (tests.has(root) && title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  return { titles, switchedOff };
}

/** `['it', 'each']` of `it.each(table)`, the callee of `it.each(table)('title', …)`; nothing for other expressions. */
function namesOf(expression: ts.Expression): string[] {
  if (ts.isIdentifier(expression)) return [expression.text];
  if (ts.isCallExpression(expression)) return namesOf(expression.expression);
  if (ts.isTaggedTemplateExpression(expression)) return namesOf(expression.tag);
  if (!ts.isPropertyAccessExpression(expression)) return [];
  const names = namesOf(expression.expression);
  return names.length === 0 ? [] : [...names, expression.name.text];
}

/** The ids that a title cites: a requirement `[MT3]`, a fault `[F54]` or `[B1]`. */
export function citedIn(title: string): string[] {
  return [...title.matchAll(/\[([A-Z]{1,2}[0-9]+)\]/g)].map(([, id = '']) => id);
}
