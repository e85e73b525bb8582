import type { Clock } from '../../base/clock.js';
import { refuse, rpcCode } from '../../protocol/errors.js';
import { EnvelopeScanner } from '../envelope-scanner.js';
import { refusalOfJson } from '../json-cost.js';

/** The maximum size of a body, in bytes. */
export const largestBody = 4 * 1024 * 1024;

/** The initial size of the buffer for a body of several chunks, in bytes. */
const initialSize = 4 * 1024;

/** How old a body must be to make room for others while the budget is used up, in milliseconds. */
const patience = 2_000;

/** When to try again, in seconds. The budget is used up by bodies that arrive fast, or else by those that make room. */
const retryAfter = 1;

/** The limits of a {@link BodyIntake}. */
export interface IntakeLimits {
  /** How many bytes of bodies are held at once. */
  readonly budget: number;
  /** How long a body may take to arrive, in milliseconds. */
  readonly timeout: number;
}

/** What became of a body. */
export type ReadBody = { readonly json: unknown } | { readonly refused: Response };

/**
 * Reads the bodies of requests within a budget that all listeners of a server share. Bytes count as they arrive, since
 * to declare a length costs a client nothing.
 */
export class BodyIntake {
  /** The oldest first. */
  private readonly arriving = new Set<ArrivingBody>();
  private held = 0;
  private stopTimer: (() => void) | undefined;

  constructor(
    private readonly limits: IntakeLimits,
    private readonly clock: Clock,
  ) {}

  /**
   * Reads and parses a body. Refuses one that is larger than `largest` bytes, too slow or not JSON, and any for which there
   * is no room. Where the length is declared, this happens before a byte is read.
   *
   * @param declared - the length that the client has declared, in bytes
   */
  async read(incoming: AsyncIterable<Uint8Array>, declared: number | undefined, largest: number): Promise<ReadBody> {
    if (declared !== undefined && declared > largest) return { refused: tooLarge(largest) };
    if (declared !== undefined && !this.makeRoom(declared)) return { refused: busy() };
    const body = new ArrivingBody(this.clock.now(), Math.min(declared ?? largest, largest));
    this.arriving.add(body);
    this.watchTime();
    try {
      const refused = await Promise.race([body.stopped, this.receive(body, incoming, largest)]);
      return refused === undefined ? parsed(body.content) : { refused };
    } finally {
      this.forget(body);
    }
  }

  private async receive(
    body: ArrivingBody,
    incoming: AsyncIterable<Uint8Array>,
    largest: number,
  ): Promise<Response | undefined> {
    for await (const chunk of incoming) {
      // It was answered while this waited.
      if (!this.arriving.has(body)) return undefined;
      if (body.size + chunk.length > largest) return tooLarge(largest);
      const more = body.growth(chunk);
      if (!this.makeRoom(more, body)) return busy();
      this.held += more;
      body.add(chunk);
    }
    return undefined;
  }

  /** Whether there is room for so many bytes, if need be by refusing the oldest bodies that still arrive. */
  private makeRoom(more: number, of?: ArrivingBody): boolean {
    while (this.held + more > this.limits.budget) {
      const [oldest] = this.arriving;
      if (oldest === undefined || oldest === of || this.clock.now() - oldest.since < patience) return false;
      this.refuse(oldest, busy());
    }
    return true;
  }

  private refuse(body: ArrivingBody, response: Response): void {
    // Its client is slow. To wait for the rest of the body would keep the connection.
    response.headers.set('connection', 'close');
    this.forget(body);
    body.stop(response);
  }

  private forget(body: ArrivingBody): void {
    if (!this.arriving.delete(body)) return;
    this.held -= body.capacity;
    if (this.arriving.size > 0) return;
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  /** One timer for all bodies: it waits for the oldest. */
  private watchTime(): void {
    const [oldest] = this.arriving;
    if (oldest === undefined || this.stopTimer !== undefined) return;
    this.stopTimer = this.clock.schedule(oldest.since + this.limits.timeout - this.clock.now(), () => {
      this.stopTimer = undefined;
      const latest = this.clock.now() - this.limits.timeout;
      for (const body of this.arriving) if (body.since <= latest) this.refuse(body, tooSlow(this.limits.timeout));
      this.watchTime();
    });
  }
}

/** A body of which some may have arrived. */
class ArrivingBody {
  size = 0;
  /** Settles when the body is refused while it arrives. */
  readonly stopped: Promise<Response>;
  stop!: (response: Response) => void;
  private buffer: Buffer = Buffer.alloc(0);

  /** @param expected - the most bytes that it may have */
  constructor(
    readonly since: number,
    private readonly expected: number,
  ) {
    this.stopped = new Promise((resolve) => {
      this.stop = (response) => {
        // The read that waits for the next chunk holds on to the body for as long as the connection lives.
        this.buffer = Buffer.alloc(0);
        resolve(response);
      };
    });
  }

  get content(): Buffer {
    return this.buffer.subarray(0, this.size);
  }

  /** How much memory it holds, in bytes. */
  get capacity(): number {
    return this.buffer.length;
  }

  /** How much more memory it takes to add a chunk, in bytes. */
  growth(chunk: Uint8Array): number {
    const end = this.size + chunk.length;
    if (this.size === 0 || end <= this.buffer.length) return Math.max(0, end - this.buffer.length);
    return Math.max(end, Math.min(this.size * 2, this.expected), initialSize) - this.buffer.length;
  }

  add(chunk: Uint8Array): void {
    const end = this.size + chunk.length;
    // Most bodies are a single chunk. Further chunks are copied right away: kept one by one, chunks of one byte would each
    // cost an object.
    if (this.size === 0) {
      this.buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    } else {
      const growth = this.growth(chunk);
      if (growth > 0) this.buffer = Buffer.concat([this.buffer], this.buffer.length + growth);
      this.buffer.set(chunk, this.size);
    }
    this.size = end;
  }
}

function parsed(body: Buffer): ReadBody {
  const tooCostly = refusalOfJson({ text: body, what: 'body', largest: largestBody });
  if (tooCostly !== undefined) {
    const scanner = new EnvelopeScanner();
    scanner.read(body);
    return { refused: refuse(413, -32000, tooCostly, scanner.hasMethod ? scanner.id : null) };
  }
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return { refused: refuse(400, rpcCode.parseError, 'Parse error: the body is not JSON.') };
  }
}

const tooLarge = (largest: number): Response => refuse(413, -32000, `The body is larger than ${largest} bytes.`);

const tooSlow = (timeout: number): Response =>
  refuse(408, -32000, `The body did not arrive within ${timeout} ms. Send it again.`);

function busy(): Response {
  const response = refuse(503, -32000, 'The server is receiving too much at the moment. Try again later.');
  response.headers.set('retry-after', String(retryAfter));
  return response;
}
