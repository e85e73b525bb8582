/**
 * A worker in a process of its own, to be killed: asks two questions in turn, says on stdout what it does, and finishes
 * with both answers.
 */
import type { ComponentLimits } from '../../src/components/options.js';
import type { Delivery, Engine } from '../../src/docket/engine/engine.js';
import { RedisEngine } from '../../src/redis/redis-engine.js';
import type { Answer } from '../../src/call/channel.js';

/** Asks, and waits for the answer; undefined when the run has lost its execution. */
async function askAndWait(engine: Engine, { record, run }: Delivery, name: string): Promise<Answer | undefined> {
  let settle: (answer: Answer) => void;
  const answered = new Promise<Answer>((resolve) => (settle = resolve));
  const unwatch = await engine.watch({ key: record.key }, (event) => {
    if (event.type === 'closed' && event.question.key === name && event.question.answer) settle(event.question.answer);
  });
  try {
    const asked = { key: name, kind: 'elicitation', params: { message: `${name}?` }, deadline: 3_600_000 } as const;
    const question = await engine.ask(record.key, run, { ...asked, onDeadline: { result: 'nobody' } });
    return question && (question.answer ?? (await answered));
  } finally {
    unwatch();
  }
}

/** What every worker of the tests does with an execution. */
export async function askTwice(engine: Engine, delivery: Delivery, say: (line: string) => void): Promise<void> {
  const answers: (Answer | undefined)[] = [];
  for (const name of ['first', 'second']) {
    say(`asks ${name} ${delivery.run}`);
    answers.push(await askAndWait(engine, delivery, name));
  }
  const result = answers.map((answer) => (answer && 'result' in answer ? answer.result : null));
  await engine.settle(delivery.record.key, delivery.run, { type: 'finish', outcome: { result } });
}

const [, program = '', url, name, lease, limits = '[]'] = process.argv;
if (program.endsWith('redis-worker.ts') && url !== undefined && name !== undefined) {
  const engine = new RedisEngine({ url, name, lease: Number(lease) });
  await engine.start();
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  engine.consume(
    { worker: 'child', concurrency: 5, limits: new Map(JSON.parse(limits) as [string, ComponentLimits][]) },
    { run: (delivery) => askTwice(engine, delivery, say), revoke: () => undefined },
  );
  say('ready');
}
