import { expect } from '@jest/globals';

/** The names that this suite gives to injected parameters, in lower case. */
const injectedNames = new Set([
  'ctx', 'context', 'progress', 'docket', 'server', 'logger', 'signal', 'principal', 'accesstoken', 'headers', 'worker',
  'execution', 'session', 'warehouse', 'clock', 'where',
]); // prettier-ignore

interface ListedTool {
  readonly name: string;
  readonly inputSchema: { readonly properties?: object | undefined; readonly required?: readonly string[] | undefined };
}

/** Fails when a listed tool shows a parameter that the framework supplies. */
export function expectNoInjected(tools: readonly ListedTool[]): void {
  const shown = tools.flatMap(({ name, inputSchema: { properties = {}, required = [] } }) =>
    [...Object.keys(properties), ...required].map((property) => ({ name, property })),
  );
  expect(shown.filter(({ property }) => injectedNames.has(property.toLowerCase()))).toEqual([]);
}
