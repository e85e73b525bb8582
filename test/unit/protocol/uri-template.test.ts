import { UriTemplate as SdkUriTemplate } from '@modelcontextprotocol/sdk/shared/uriTemplate.js';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UriTemplate } from '../../../src/protocol/uri-template.js';

describe('a URI template', () => {
  it.each([
    ['x://{a}-{b}', 'x://1-2-3', { a: '1-2', b: '3' }],
    ['x://{+a}/b/{c}', 'x://1/b/2/b/3', { a: '1/b/2', c: '3' }],
    ['x://{+a}/b/{c}', 'x://1/b/2/3', undefined],
    ['x://{a,b}', 'x://1,2', { a: '1', b: '2' }],
    ['x:/{/a,b}', 'x://1/2', { a: '1', b: '2' }],
    ['x://y{.a}', 'x://y.z', { a: 'z' }],
    ['x://y{#a}', 'x://y#z', { a: 'z' }],
    ['x://y{?a}{&b}', 'x://y?a=1/2&b=3', { a: '1/2', b: '3' }],
    ['x://{a*}', 'x://1,2%2C3', { a: ['1', '2,3'] }],
    ['x://{a*}', 'x://1', { a: '1' }],
  ])('%s, matched with %s', (template, uri, variables) => {
    expect(new UriTemplate(template).match(uri)).toEqual(variables);
  });

  it('matches a URI as the regular expressions of the SDK do', () => {
    const piece = fc.constantFrom('{a}', '{+b}', '{c}', '{/d}', '-', '/', '.');
    const letter = fc.constantFrom('-', '/', '.', 'z');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(letter, { maxLength: 9 }), (pieces, letters) => {
        const template = `x:${pieces.join('')}`;
        const uri = `x:${letters.join('')}`;
        expect(new UriTemplate(template).match(uri)).toEqual(new SdkUriTemplate(template).match(uri) ?? undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['x://{a}-{b}-{c}-{d}', 'x://{+a}/{+b}/{+c}', 'x://{a*}.{b*}.{c*}'])(
    '%s takes no longer for a hostile URI than for any other',
    (template) => {
      const began = process.cpuUsage();
      for (const letter of ['-', '/', '.', ',']) {
        expect(new UriTemplate(template).match(`x://${letter.repeat(8_000)}/\n`)).toBeUndefined();
      }
      // With a regular expression: minutes.
      expect(process.cpuUsage(began).user).toBeLessThan(2_000_000);
    },
  );

  it.each(['x://{a}/{b', 'x://{a}/{}', 'x://{a,}'])('%s cannot be read', (template) => {
    expect(() => new UriTemplate(template)).toThrow(expect.objectContaining({ code: 'COMPONENT_INVALID' }));
  });
});
