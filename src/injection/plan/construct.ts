import type { Class } from '../tokens.js';

/** Makes one instance from the contents of the slots. */
export type Make = (context: { readonly slots: readonly unknown[] }) => unknown;

/** Constructs a class. Common numbers of arguments avoid an array. */
export function constructing(target: Class, slots: readonly number[]): Make {
  const Target = target as new (...args: unknown[]) => unknown;
  const [a = 0, b = 0, c = 0, d = 0] = slots;
  switch (slots.length) {
    case 0:
      return () => new Target();
    case 1:
      return ({ slots: s }) => new Target(s[a]);
    case 2:
      return ({ slots: s }) => new Target(s[a], s[b]);
    case 3:
      return ({ slots: s }) => new Target(s[a], s[b], s[c]);
    case 4:
      return ({ slots: s }) => new Target(s[a], s[b], s[c], s[d]);
    default:
      return ({ slots: s }) => new Target(...slots.map((slot) => s[slot]));
  }
}

/** Calls a factory. Common numbers of arguments avoid an array. */
export function calling(make: (...args: unknown[]) => unknown, slots: readonly number[]): Make {
  const [a = 0, b = 0] = slots;
  switch (slots.length) {
    case 0:
      return () => make();
    case 1:
      return ({ slots: s }) => make(s[a]);
    case 2:
      return ({ slots: s }) => make(s[a], s[b]);
    default:
      return ({ slots: s }) => make(...slots.map((slot) => s[slot]));
  }
}
