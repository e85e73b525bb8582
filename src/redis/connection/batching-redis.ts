import { Redis, type RedisOptions } from 'ioredis';

/**
 * A connection that sends the commands of one turn of the event loop together. ioredis gives each its own way to the
 * kernel, which costs both sides more than the command itself.
 */
export class BatchingRedis extends Redis {
  private held?: Redis['stream'];

  constructor(options: RedisOptions) {
    super({ ...options, replyMapping: 'legacy' });
  }

  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    this.hold();
    return super.sendCommand(...args);
  }

  private hold(): void {
    // There is none before the first connection.
    const stream = this.stream as Redis['stream'] | undefined;
    if (this.held === stream || !stream?.writable) return;
    this.held = stream;
    stream.cork();
    // The continuations of what has just been read are run before this.
    process.nextTick(() => {
      this.held = undefined;
      stream.uncork();
    });
  }
}
