/** How many names are remembered, the latest ones. */
const mostNames = 1_000;

/** Lets something happen once per name and interval: a log line that would otherwise come by the hundred. */
export class Rarely {
  /** When it last happened, by name, the oldest first. */
  private readonly last = new Map<string, number>();

  /** @param interval - in milliseconds; Infinity for once and for all */
  constructor(private readonly interval: number) {}

  /** Whether it may happen now, at this time in milliseconds. If so, it counts as having happened. */
  isDue(name: string, now: number): boolean {
    const last = this.last.get(name);
    if (last !== undefined && now - last < this.interval) return false;
    this.last.delete(name);
    this.last.set(name, now);
    if (this.last.size > mostNames) {
      for (const oldest of this.last.keys()) {
        this.last.delete(oldest);
        break;
      }
    }
    return true;
  }
}
