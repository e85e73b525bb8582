import type { Lifetime, Registration } from '../providers.js';
import { tokenName } from '../tokens.js';

/** The path from a component to one of its dependencies, for messages and to detect cycles and captives. */
export class ResolutionPath {
  private constructor(
    private readonly parent: ResolutionPath | undefined,
    private readonly name: string,
    private readonly registration: Registration | undefined,
    /** Whether `lazy` or `delay` asks for this dependency, so that it may be built later. */
    private readonly deferred: boolean,
    /** The parameter that asks for this dependency, for example `parameter 2 (pool)`. */
    readonly parameter?: string | undefined,
    /** The parameter that asks for what comes next on the path. */
    private readonly next?: string | undefined,
  ) {}

  static from(label: string): ResolutionPath {
    return new ResolutionPath(undefined, label, undefined, false);
  }

  /** The path to a dependency of this one. */
  to(name: string, deferred = false): ResolutionPath {
    return new ResolutionPath(this, name, undefined, deferred, this.next);
  }

  /** The same path, from which a parameter asks for a dependency. */
  asking(parameter: string | undefined): ResolutionPath {
    const { parent, name, registration, deferred } = this;
    return new ResolutionPath(parent, name, registration, deferred, this.parameter, parameter);
  }

  /** The same path, now with the provider of its end. */
  as(registration: Registration): ResolutionPath {
    return new ResolutionPath(this.parent, this.name, registration, this.deferred, this.parameter);
  }

  /** Whether `lazy` or `delay` lies anywhere on the path. */
  get isDeferred(): boolean {
    return this.deferred || (this.parent?.isDeferred ?? false);
  }

  /** Whether building `registration` here would never end. */
  closesCycle(registration: Registration): boolean {
    let crossed = this.deferred;
    for (let at = this.parent; at; at = at.parent) {
      // lazy and delay break a cycle only through a shared instance: transients would be built endlessly.
      if (at.registration === registration && (!crossed || lifetimeOf(registration) === 'transient')) return true;
      crossed ||= at.deferred;
      if (crossed && isShared(at.registration)) return false;
    }
    return false;
  }

  /** The name of the nearest singleton on the path. */
  get holder(): string {
    for (let at = this.parent; at; at = at.parent) {
      if (at.registration && lifetimeOf(at.registration) === 'singleton') return tokenName(at.registration.token);
    }
    return this.name;
  }

  toString(): string {
    return this.parent ? `${this.parent.toString()} → ${this.name}` : this.name;
  }
}

function lifetimeOf(registration: Registration): Lifetime | undefined {
  return 'lifetime' in registration ? registration.lifetime : undefined;
}

function isShared(registration: Registration | undefined): boolean {
  const lifetime = registration && lifetimeOf(registration);
  return lifetime === 'singleton' || lifetime === 'call';
}
