import { beforeAll, describe, expect, it } from '@jest/globals';
import { requirements } from '../e2e/requirements.js';
import { citedIn, readTitles, titlesOf } from './test-titles.js';

const ids = new Set(requirements.map(({ id }) => id));

/** Tests also cite known faults of FastMCP; reference.test.ts knows which. */
const isFault = (id: string): boolean => /^F[0-9]+$/.test(id);

describe('the requirements of the protocol', () => {
  let cited: Set<string>;
  let switchedOff: string[];

  beforeAll(async () => {
    const read = await readTitles();
    cited = new Set(read.filter(({ file }) => file.startsWith('e2e')).flatMap(({ titles }) => titles.flatMap(citedIn)));
    switchedOff = read.flatMap((each) => each.switchedOff);
  });

  it('are each proved by a test that cites it', () => {
    expect([...ids].filter((id) => !cited.has(id))).toEqual([]);
  });

  it('are all that tests cite', () => {
    expect([...cited].filter((id) => !ids.has(id) && !isFault(id))).toEqual([]);
  });

  it('are proved by tests that run: none is switched off', () => {
    expect(switchedOff).toEqual([]);
  });

  it('have an id of their own and the place in the specification that they come from', () => {
    expect(ids.size).toBe(requirements.length);
    for (const { spec } of requirements) {
      expect(spec).toMatch(/^https:\/\/modelcontextprotocol\.io\/specification\/2025-11-25\/[a-z/]+#[a-z-]+$/);
    }
  });
});

describe('the reader of titles', () => {
  it.each([
    ["it('one [T1]', run);", ['T1']],
    ['test(`two [S1] [S2]`, run);', ['S1', 'S2']],
    ["it.each([[1, '[A1]']])('three %s [X1]', run);", ['X1']],
    ["describe.each(wires)('four [A2], %s', () => { it('five [L1] of [] and [no]', run); });", ['L1']],
    ["expect('six [A3]').toBe(text); // it('seven [N1]')", []],
  ])('finds what is cited by %s', (text, expected) => {
    expect(titlesOf('x.test.ts', text).titles.flatMap(citedIn)).toEqual(expected);
  });

  it.each([
    "it.skip('a', run);",
    "it.only('a', run);",
    "it.todo('a');",
    "describe.skip('a', run);",
    "describe.only.each([1])('a', run);",
    "it.failing('a', run);",
    "xit('a', run);",
    "fdescribe('a', run);",
    "describe('a', () => { test.concurrent.skip('b', run); });",
  ])('finds that %s is switched off', (text) => {
    expect(titlesOf('x.test.ts', text).switchedOff).not.toEqual([]);
  });

  it('takes nothing else for switched off', () => {
    const text = "it.each([1])('a', run); describe('b', run); list.skip(1); expect.only(2);";
    expect(titlesOf('x.test.ts', text).switchedOff).toEqual([]);
  });
});
