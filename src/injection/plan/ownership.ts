import type { Disposer } from '../../base/disposal.js';

type Dispose = (instance: unknown) => unknown;

/**
 * Decides which container disposes an instance, so that none is disposed twice. A factory that returns something that
 * was injected into it, or the value of a value provider, does not become its owner.
 */
export class Ownership {
  private readonly owned = new WeakSet();

  /** Excludes an instance that is not ours to dispose. */
  exclude(instance: unknown): undefined {
    if (isObject(instance)) this.owned.add(instance);
    return undefined;
  }

  /** Takes ownership of a new instance. Returns its disposer, preferring the provider's `dispose`. */
  take(instance: unknown, dispose: Dispose | undefined, isClass: boolean): Disposer | undefined {
    if (!isObject(instance)) return dispose && (() => dispose(instance));
    const end = dispose ?? (this.owned.has(instance) ? undefined : disposeMethodOf(instance, isClass));
    if (!end) return undefined;
    this.owned.add(instance);
    return () => {
      this.owned.delete(instance);
      return end(instance);
    };
  }
}

/**
 * The dispose method of an instance. A plain `dispose()` without parameters counts only for classes, as in tsyringe:
 * what a factory returns may be anything.
 */
function disposeMethodOf(instance: object, isClass: boolean): Dispose | undefined {
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
