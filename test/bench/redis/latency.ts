import { connect, type Client } from 'errand/client';
import { freshName } from '../../helpers/redis-server.js';
import { bullContestant, errandContestant, type Contestant } from './contenders.js';
import { head, quantile, row } from './table.js';
import { benchServer, clock } from './work.js';
import { startWorker, stopWorkers } from './worker-process.js';

/** Times of single tasks, one after the other, in milliseconds. */
export class Latencies {
  readonly toStart: number[] = [];
  readonly toResult: number[] = [];

  constructor(private readonly contestant: Contestant) {}

  async take(count: number): Promise<void> {
    for (let each = 0; each < count; each++) {
      const submitted = clock();
      const result = await this.contestant.submit('stamp');
      const started = (await result()) as number;
      this.toResult.push(clock() - submitted);
      this.toStart.push(started - submitted);
    }
  }
}

/** Measures in turns, so that whatever else the machine does meets all alike. */
export async function inTurns(
  contestants: readonly Contestant[],
  { count, rounds }: { readonly count: number; readonly rounds: number },
): Promise<Latencies[]> {
  for (const contestant of contestants) await new Latencies(contestant).take(count);
  const measured = contestants.map((contestant) => new Latencies(contestant));
  for (let round = 0; round < rounds; round++) {
    // Who goes first changes, so that what one leaves behind does not always burden the other.
    for (const each of round % 2 === 0 ? measured : [...measured].reverse()) await each.take(count);
  }
  return measured;
}

/** The quantiles that are shown. */
export const percentiles = (values: readonly number[]): [p50: number, p99: number] => [
  quantile(values, 0.5),
  quantile(values, 0.99),
];

/** How long one task takes against BullMQ, on workers that have nothing else to do. */
export async function latency(url: string): Promise<void> {
  const contestants = [errandContestant(url), bullContestant(url)];
  const workers = await Promise.all(contestants.map((each) => each.work(10)));
  try {
    const [ours, theirs] = (await inTurns(contestants, { count: 50, rounds: 20 })) as [Latencies, Latencies];
    head('errand p50', 'p99', 'bullmq p50', 'p99');
    const compare = (what: string, mine: readonly number[], other: readonly number[]): void => {
      const ratio = quantile(mine, 0.5) / quantile(other, 0.5);
      row(what, [...percentiles(mine), ...percentiles(other)], `${ratio.toFixed(2)} times the time (p50)`);
    };
    compare('submit to start, milliseconds', ours.toStart, theirs.toStart);
    compare('submit to result, milliseconds', ours.toResult, theirs.toResult);
  } finally {
    await stopWorkers(...workers);
    await Promise.all(contestants.map((each) => each.close()));
  }
}

/** From the answer of a client in this process until the method goes on in the worker's. */
export async function wakeUp(url: string): Promise<void> {
  const place = { url, name: freshName() };
  const server = benchServer(place);
  const worker = await startWorker('errand', place, 10);
  let client: Client | undefined;
  try {
    let answered = 0;
    client = await connect(server, {
      onElicit: () => {
        answered = clock();
        return { action: 'accept', content: { value: true } };
      },
    });
    const times: number[] = [];
    for (let each = 0; each < 550; each++) {
      const task = await client.callTool('ask', {}, { task: true });
      const { structuredContent } = await task.result();
      // The first are for warming up.
      if (each >= 50) times.push((structuredContent as { at: number }).at - answered);
    }
    head('p50', 'p99');
    row('answer of a client until the method goes on, milliseconds', percentiles(times));
  } finally {
    await client?.close();
    await stopWorkers(worker);
    await server.close();
  }
}
