import type { OnError } from '../../docket/engine/watchers.js';
import { inboxRoom } from '../../docket/engine/size-limits.js';
import type { ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** After so many bytes, a process acknowledges what it has read, so that there is room for more. */
const bytesPerAcknowledgement = inboxRoom / 8;

/** The messages that a process has read from its inbox and not acknowledged yet. */
export class Backlog {
  private bytes = 0;
  private lastId = '0-0';
  private isSending = false;

  constructor(
    /** Id of this process. */
    private readonly node: string,
    private readonly scripts: ScriptRunner,
    private readonly report: OnError,
  ) {}

  /** Counts a message that was read. */
  received(fields: Readonly<Record<string, string>>): void {
    this.bytes += Number(fields['@bytes'] ?? 0);
  }

  /** Acknowledges what was read once that is much. The reader does not wait for it. */
  tend(lastId: string): void {
    this.lastId = lastId;
    if (this.bytes < bytesPerAcknowledgement || this.isSending) return;
    this.isSending = true;
    this.acknowledge(lastId).then(
      () => {
        this.isSending = false;
        this.tend(this.lastId);
      },
      (error: unknown) => {
        this.isSending = false;
        this.report(error);
      },
    );
  }

  /** Acknowledges everything up to a message. */
  async acknowledge(lastId: string): Promise<void> {
    const { bytes } = this;
    this.bytes = 0;
    try {
      await this.scripts.run(lua.inbox.acknowledge, this.node, lastId, bytes);
    } catch (error) {
      this.bytes += bytes;
      throw error;
    }
  }
}

/** Reads the message about those that found no room: how many of each kind, and of which executions the progress was among them. */
export function droppedIn(fields: Readonly<Record<string, string>>): {
  readonly kinds: ReadonlyMap<string, number>;
  readonly keys: readonly string[];
} {
  const kinds = Object.entries(fields).filter(([name]) => !name.startsWith('@'));
  return {
    kinds: new Map(kinds.map(([kind, count]) => [kind, Number(count)])),
    keys: JSON.parse(fields['@again'] ?? '[]') as string[],
  };
}
