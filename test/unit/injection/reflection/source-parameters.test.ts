import { describe, expect, it } from '@jest/globals';
import { parametersOfConstructor, parametersOfMethod } from '../../../../src/injection/reflection/source-parameters.js';

type Method = (...args: never[]) => unknown;
const evaluated = (text: string): unknown => (0, eval)(`(${text})`);
const names = (text: string): unknown =>
  parametersOfMethod(evaluated(text) as Method)?.map(
    ({ name, hasDefault, rest }) => `${rest ? '...' : ''}${name ?? '?'}${hasDefault ? '=' : ''}`,
  );

describe('parametersOfMethod', () => {
  it.each([
    ['{ run(a, b) {} }.run', ['a', 'b']],
    ['{ async run ( a , /* b, */ c, ) {} }.run', ['a', 'c']],
    ['{ *run() {} }.run', []],
    ['{ async *run($a, _b) {} }.run', ['$a', '_b']],
    ['{ run({ a, b = 1 }, [c, d] = [], e) {} }.run', ['?', '?=', 'e']],
    ['{ run(a = ")", b = `,${ "}" + `)` },`, c = /[/)],"/) {} }.run', ['a=', 'b=', 'c=']],
    ['{ run(a = (x, y) => x / y, b = { c: [1, 2] }, ...rest) {} }.run', ['a=', 'b=', '...rest']],
    ['{ run(a = 8 / 2 / 1, b = a >= 2, // , c\n d) {} }.run', ['a=', 'b=', 'd']],
    ['{ ["comp(uted"](a) {} }["comp(uted"]', ['a']],
    ['{ "quo(ted"(a) {} }["quo(ted"]', ['a']],
    ['{ größe(ñ) {} }.größe', ['ñ']],
    ['function (a, b) {}', ['a', 'b']],
  ])('reads %s', (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  it('returns undefined for native code', () => {
    expect(parametersOfMethod(Math.max as Method)).toBeUndefined();
  });
});

describe('parametersOfConstructor', () => {
  const constructorNames = (text: string): unknown =>
    parametersOfConstructor(evaluated(text) as object)?.map(({ name }) => name);

  it.each([
    ['class { constructor(a, b) {} }', ['a', 'b']],
    ['class Named extends Object { #x = /}/; run() { this.constructor("no"); } constructor(a) { super(); } }', ['a']],
    ['class { text = "constructor(a)"; /* constructor(b) */ }', undefined],
    ['class { nested = class { constructor(inner) {} } }', undefined],
    ['class { static { const x = { constructor(inner) {} }; void x; } constructor(outer) {} }', ['outer']],
    ['class { static constructor(a) {} }', undefined],
    ['class extends (class { constructor(base) {} }) {}', undefined],
    ['class { constructor() {} }', []],
    ['function Old(a) {}', undefined],
  ])('reads %s', (text, expected) => {
    expect(constructorNames(text)).toEqual(expected);
  });
});
