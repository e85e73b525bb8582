import type { Disposer } from '../../base/disposal.js';

type Dispose = (instance: unknown) => unknown;

/**
 * Who disposes what. An instance has one owner: a factory that gives what it was injected, or what a value provider
 * holds, does not make its container dispose it a second time.
 */
export class Ownership {
  private readonly owned = new WeakSet();

  /** Notes an instance that is not ours to dispose. */
  leave(instance: unknown): undefined {
    if (isObject(instance)) this.owned.add(instance);
    return undefined;
  }

  /** How an instance made by a class or a factory is disposed; the provider's own `dispose` comes first. */
  claim(instance: unknown, dispose: Dispose | undefined, isClass: boolean): Disposer | undefined {
    if (!isObject(instance)) return dispose && (() => dispose(instance));
    const end = dispose ?? (this.owned.has(instance) ? undefined : ownDispose(instance, isClass));
    if (!end) return undefined;
    this.owned.add(instance);
    return () => {
      this.owned.delete(instance);
      return end(instance);
    };
  }
}

/**
 * The instance's own way to end. The plain name `dispose` counts for classes only, without parameters, as in tsyringe: what
 * a factory gives may be anything.
 */
function ownDispose(instance: object, isClass: boolean): Dispose | undefined {
  const found = instance as { [Symbol.asyncDispose]?: unknown; [Symbol.dispose]?: unknown; dispose?: unknown };
  if (typeof found[Symbol.asyncDispose] === 'function') {
    return (given) => (given as AsyncDisposable)[Symbol.asyncDispose]();
  }
  if (typeof found[Symbol.dispose] === 'function') return (given) => (given as Disposable)[Symbol.dispose]();
  if (!isClass || typeof found.dispose !== 'function' || found.dispose.length > 0) return undefined;
  return (given) => (given as { dispose(): unknown }).dispose();
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
