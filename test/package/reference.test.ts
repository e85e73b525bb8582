import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { reference, type ReferenceFault } from '../e2e/reference.js';
import { root } from '../helpers/child.js';
import { citedIn, readTitles } from './test-titles.js';

const numbersWith = (proof: ReferenceFault['proof']): number[] =>
  reference.filter((fault) => fault.proof === proof).map(({ number }) => number);

describe('the faults of FastMCP', () => {
  let cited: Set<number>;
  let explained: number[];

  beforeAll(async () => {
    const ids = (await readTitles()).flatMap(({ titles }) => titles.flatMap(citedIn));
    cited = new Set(ids.filter((id) => /^F[0-9]/.test(id)).map((id) => Number(id.slice(1))));
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const section = /^## Compared with FastMCP\n(.*?)^## /ms.exec(readme)?.[1] ?? '';
    explained = [...section.matchAll(/^\| F([0-9]+) +\|/gm)].map(([, number]) => Number(number));
  });

  it('are numbered, each once, without a gap that is not meant', () => {
    const numbers = reference.map(({ number }) => number);
    expect(numbers).toEqual([...range(1, 36), ...range(52, 68)]);
  });

  it('are shown not to be ours by a test that cites them', () => {
    expect(numbersWith('test').filter((number) => !cited.has(number))).toEqual([]);
  });

  it('are explained in the README where they cannot occur, and no others are', () => {
    expect(explained).toEqual(numbersWith('docs'));
  });

  it('have a reason where they are neither, and only there', () => {
    const reasoned = reference.filter(({ reason }) => reason !== undefined).map(({ number }) => number);
    expect(reasoned).toEqual(numbersWith('elsewhere'));
  });

  it('are all that tests cite, and none of those that Errand does not rule out yet', () => {
    const ruledOut = new Set([...numbersWith('test'), ...numbersWith('docs')]);
    expect([...cited].filter((number) => !ruledOut.has(number))).toEqual([]);
  });
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
