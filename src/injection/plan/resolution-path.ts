import type { Lifetime, Registration } from '../providers.js';
import { tokenName } from '../tokens.js';

/** The way from a component to what is being looked at: paths in messages, and what finds circles and captives. */
export class ResolutionPath {
  private constructor(
    private readonly parent: ResolutionPath | undefined,
    private readonly name: string,
    private readonly registration: Registration | undefined,
    /** Whether `lazy` or `delay` lies before it, so that it need not be there first. */
    private readonly deferred: boolean,
  ) {}

  static from(label: string): ResolutionPath {
    return new ResolutionPath(undefined, label, undefined, false);
  }

  /** One step further. */
  to(name: string, deferred = false): ResolutionPath {
    return new ResolutionPath(this, name, undefined, deferred);
  }

  /** The same place, now that it is known what provides it. */
  as(registration: Registration): ResolutionPath {
    return new ResolutionPath(this.parent, this.name, registration, this.deferred);
  }

  /** Whether `lazy` or `delay` lies anywhere before it. */
  get isDeferred(): boolean {
    return this.deferred || (this.parent?.isDeferred ?? false);
  }

  /** Whether providing `registration` here would never end. */
  closesCircle(registration: Registration): boolean {
    let crossed = this.deferred;
    for (let at = this.parent; at; at = at.parent) {
      // lazy and delay break a circle only where an instance is shared: a transient would be made anew without end.
      if (at.registration === registration && (!crossed || lifetimeOf(registration) === 'transient')) return true;
      crossed ||= at.deferred;
      if (crossed && isShared(at.registration)) return false;
    }
    return false;
  }

  /** The name of the nearest singleton on the way. */
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
