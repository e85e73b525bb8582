import { Redis, type RedisOptions } from 'ioredis';

/**
 * A connection that writes all commands of one turn of the event loop together. ioredis makes one system call for each, which
 * costs both sides more than the command itself.
 */
export class BatchingRedis extends Redis {
  private held?: Redis['stream'];

  constructor(options: RedisOptions) {
    super({ ...options, replyMapping: 'legacy' });
  }

  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const [command] = args;
    // Its caller was told that it had failed. ioredis would send it again on the next connection, and carry it out after all.
    if (command.isSettled) return command.promise;
    this.hold();
    return super.sendCommand(...args);
  }

  private hold(): void {
    // Undefined before the first connection.
    const stream = this.stream as Redis['stream'] | undefined;
    if (this.held === stream || !stream?.writable) return;
    this.held = stream;
    stream.cork();
    // Runs after the continuations of the replies that were just read.
    process.nextTick(() => {
      this.held = undefined;
      stream.uncork();
    });
  }
}
