import type { Provider, Token } from '../../src/index.js';

/** A call-scoped provider that writes down when it is made and disposed. */
export function traced(trace: string[], provide: Token<string>, name: string, failing = false): Provider {
  return {
    provide,
    lifetime: 'call',
    useFactory: async () => {
      await Promise.resolve();
      trace.push(`make ${name}`);
      return name;
    },
    dispose: async () => {
      await Promise.resolve();
      trace.push(`dispose ${name}`);
      if (failing) throw new Error(`cannot dispose ${name}`);
    },
  };
}
