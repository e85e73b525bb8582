import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ToolTask, type UserAnswer, type UserQuestion } from 'errand/client';
import { z } from 'zod';
import type server from './server.js';

const suppliers = ['Aalto', 'Bianchi', 'Cohen', 'Dupont', 'Eriksen', 'Fischer'];

const Report = z.object({
  convertedToEuros: z.boolean(),
  published: z.boolean(),
  imported: z.array(z.object({ supplier: z.string(), worker: z.string() })),
  finishedBy: z.string(),
});

/** What the client has to do with. */
export interface Surroundings {
  /** Where the nodes listen: the task is submitted to the one and followed on the other. */
  readonly nodes: readonly [nodeA: string, nodeB: string];
  /** Kills a worker, without a chance to say goodbye. */
  readonly kill: (worker: string) => Promise<void>;
  /** Tells what happens. */
  readonly tell: (line: string) => void;
}

/** Submits an import to node A, follows it on node B, kills the worker that has begun it, and asserts what comes out. */
export async function importCatalogue({ nodes: [nodeA, nodeB], kill, tell }: Surroundings): Promise<void> {
  const taskId = await submit(nodeA);
  tell(`node A has taken the task ${taskId.slice(0, 8)}…, and its client is gone`);
  const user = new User(tell);
  let killed: string | undefined;
  const client = await connect<typeof server>(nodeB, { onElicit: user.answer });
  try {
    const task = client.toolTask(taskId);
    const following = follow(task, async (message) => {
      tell(message);
      if (killed !== undefined) return;
      [killed] = message.split(' ') as [string];
      await kill(killed);
      tell(`${killed} is killed; its lease has to pass before another takes over`);
      user.mayGoOn();
    });
    const [result] = await Promise.all([task.result(), following]);
    const { imported, finishedBy } = check(result, killed, user);
    const before = imported.filter(({ worker }) => worker === killed).length;
    tell(`done: ${finishedBy} has finished what ${String(killed)} began, which was ${before} of ${imported.length}`);
    tell('each list was imported once, and each question was asked once');
  } finally {
    await client.close();
  }
}

/** Makes the task, and leaves at once. */
async function submit(node: string): Promise<string> {
  // This user goes before answering anything: a question that was shown here already comes again on the other node.
  const client = await connect<typeof server>(node, { onElicit: () => new Promise<never>(() => undefined) });
  try {
    return (await client.callTool('importCatalogue', { suppliers }, { task: true })).taskId;
  } finally {
    await client.close();
  }
}

/** What the task says of itself comes to whoever follows it, on any node, in its status. */
async function follow(task: ToolTask, onMessage: (message: string) => Promise<void>): Promise<void> {
  let last: string | undefined;
  for (;;) {
    const { status, statusMessage } = await task.status();
    if (statusMessage !== undefined && statusMessage !== last) await onMessage((last = statusMessage));
    if (status !== 'working' && status !== 'input_required') return;
    // The server is not asked each time: mostly it has told the status meanwhile.
    await sleep(100);
  }
}

/** Says yes to the first question and no to all others, of which the first waits until the worker has been killed. */
class User {
  readonly asked: string[] = [];
  mayGoOn = (): void => undefined;
  private readonly wentOn = new Promise<void>((resolve) => (this.mayGoOn = resolve));

  constructor(private readonly tell: (line: string) => void) {}

  readonly answer = async ({ message }: UserQuestion): Promise<UserAnswer> => {
    const value = this.asked.length === 0;
    this.asked.push(message);
    // However slow the machine is: the worker dies in the middle, after one question and before the other.
    if (!value) await this.wentOn;
    this.tell(`node B asks: ${message} ${value ? 'Yes.' : 'No.'}`);
    return { action: 'accept', content: { value } };
  };
}

function check(
  result: { structuredContent?: unknown; isError?: boolean },
  killed: string | undefined,
  { asked }: User,
): z.infer<typeof Report> {
  assert.notEqual(result.isError, true, `The tool failed: ${JSON.stringify(result)}`);
  const report = Report.parse(result.structuredContent);
  const { imported, finishedBy, convertedToEuros, published } = report;
  assert.deepEqual(
    imported.map(({ supplier }) => supplier),
    suppliers,
  );
  assert.equal(asked.length, 2, `There are two questions, but asked was: ${asked.join(' ')}`);
  assert.equal(convertedToEuros, true, 'the answer that was given before the kill is lost');
  assert.equal(published, false, 'the answer that was given after the kill is lost');
  assert.equal(imported[0]?.worker, killed, 'what the killed worker had imported was imported again');
  assert.notEqual(finishedBy, killed, 'the import was finished by the worker that was killed');
  return report;
}
