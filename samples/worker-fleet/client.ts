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

/** The fleet that the client uses. */
export interface Surroundings {
  /** URLs of the nodes: the task is submitted to the first and followed on the second. */
  readonly nodes: readonly [nodeA: string, nodeB: string];
  /** Kills a worker without warning. */
  readonly kill: (worker: string) => Promise<void>;
  /** Prints a line about what happens. */
  readonly print: (line: string) => void;
}

/** Submits an import to node A, follows it on node B, kills the worker that has begun it, and checks the result. */
export async function importCatalogue({ nodes: [nodeA, nodeB], kill, print }: Surroundings): Promise<void> {
  const taskId = await submit(nodeA);
  print(`node A has taken the task ${taskId.slice(0, 8)}…, and its client is gone`);
  const user = new User(print);
  let killed: string | undefined;
  const client = await connect<typeof server>(nodeB, { onElicit: user.answer });
  try {
    const task = client.toolTask(taskId);
    const following = follow(task, async (message) => {
      print(message);
      if (killed !== undefined) return;
      [killed] = message.split(' ') as [string];
      await kill(killed);
      print(`${killed} is killed; the other worker takes over once its lease expires`);
      user.mayGoOn();
    });
    const [result] = await Promise.all([task.result(), following]);
    const { imported, finishedBy } = check(result, killed, user);
    const before = imported.filter(({ worker }) => worker === killed).length;
    print(`done: ${finishedBy} has finished what ${String(killed)} began, which was ${before} of ${imported.length}`);
    print('each list was imported once, and each question was asked once');
  } finally {
    await client.close();
  }
}

/** Creates the task and disconnects at once. */
async function submit(node: string): Promise<string> {
  // This user leaves without an answer: a question that was already shown here is asked again on the other node.
  const client = await connect<typeof server>(node, { onElicit: () => new Promise<never>(() => undefined) });
  try {
    return (await client.callTool('importCatalogue', { suppliers }, { task: true })).taskId;
  } finally {
    await client.close();
  }
}

/** Reads the task's messages from its status, which any node can report. */
async function follow(task: ToolTask, onMessage: (message: string) => Promise<void>): Promise<void> {
  let last: string | undefined;
  for (;;) {
    const { status, statusMessage } = await task.status();
    if (statusMessage !== undefined && statusMessage !== last) await onMessage((last = statusMessage));
    if (status !== 'working' && status !== 'input_required') return;
    // This rarely sends a request, since the server has usually sent the status in the meantime.
    await sleep(100);
  }
}

/** Answers the first question with yes and later ones with no, but not before the worker has been killed. */
class User {
  readonly asked: string[] = [];
  mayGoOn = (): void => undefined;
  private readonly wentOn = new Promise<void>((resolve) => (this.mayGoOn = resolve));

  constructor(private readonly print: (line: string) => void) {}

  readonly answer = async ({ message }: UserQuestion): Promise<UserAnswer> => {
    const value = this.asked.length === 0;
    this.asked.push(message);
    // However slow the machine, the worker dies in the middle: after the first question and before the second.
    if (!value) await this.wentOn;
    this.print(`node B asks: ${message} ${value ? 'Yes.' : 'No.'}`);
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
  assert.equal(asked.length, 2, `Expected two questions, but these were asked: ${asked.join(' ')}`);
  assert.equal(convertedToEuros, true, 'the answer that was given before the kill is lost');
  assert.equal(published, false, 'the answer that was given after the kill is lost');
  assert.equal(imported[0]?.worker, killed, 'what the killed worker had imported was imported again');
  assert.notEqual(finishedBy, killed, 'the import was finished by the worker that was killed');
  return report;
}
