import { beforeAll, describe, expect, it } from '@jest/globals';
import { requirements } from '../e2e/requirements.js';
import { foundFaults } from '../faults/found-faults.js';
import { citedIn, readTitles, titlesOf } from './test-titles.js';

const ids = new Set(requirements.map(({ id }) => id));

/** Tests also cite faults: those of FastMCP, which reference.test.ts knows, and those that were found here. */
const found = new Set(foundFaults.map(({ id }) => id));
const isFault = (id: string): boolean => /^F[0-9]+$/.test(id) || found.has(id);

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
    ["it('one [MT1]', run);", ['MT1']],
    ['test(`two [MS1] [MS2]`, run);', ['MS1', 'MS2']],
    ["it.each([[1, '[MA1]']])('three %s [MX1]', run);", ['MX1']],
    ["describe.each(wires)('four [MA2], %s', () => { it('five [ML1] of [] and [no]', run); });", ['ML1']],
    ["expect('six [MA3]').toBe(text); // it('seven [MN1]')", []],
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
