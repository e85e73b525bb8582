import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type UserAnswer, type UserQuestion } from 'errand/client';
import { z } from 'zod';
import { askYesOrNo, printTable, ProgressBar } from './terminal.js';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const path = resolve(process.argv[2] ?? here('../..'));

const Report = z.object({
  path: z.string(),
  testsCounted: z.boolean(),
  files: z.number(),
  lines: z.number(),
  languages: z.array(z.object({ language: z.string(), files: z.number(), lines: z.number() })),
});

/** Records what happens while one call runs. */
class Watcher {
  readonly bar = new ProgressBar();
  readonly answers: UserAnswer[] = [];
  readonly progress: number[] = [];

  readonly handlers = {
    onProgress: (step: { progress: number; total?: number; message?: string }): void => {
      this.progress.push(step.progress);
      this.bar.update(step);
    },
    onElicit: async (question: UserQuestion): Promise<UserAnswer> => {
      this.bar.end();
      const answer = await askYesOrNo(question);
      this.answers.push(answer);
      return answer;
    },
  };

  /** Checks that the result agrees with what was recorded. */
  check(result: { structuredContent?: unknown; isError?: boolean }): z.infer<typeof Report> {
    this.bar.end();
    assert.notEqual(result.isError, true, `The tool failed: ${JSON.stringify(result)}`);
    const report = Report.parse(result.structuredContent);
    const sum = (pick: 'files' | 'lines'): number => report.languages.reduce((total, row) => total + row[pick], 0);
    assert.equal(report.path, path);
    assert.equal(sum('files'), report.files);
    assert.equal(sum('lines'), report.lines);
    assert.deepEqual(
      this.progress,
      [...this.progress].sort((one, other) => one - other),
      'progress went backwards',
    );
    assert.ok(this.answers.length <= 1, 'the question was asked more than once');
    const [answer] = this.answers;
    assert.equal(report.testsCounted, answer?.action === 'accept' && answer.content.value === true);
    return report;
  }
}

const client = await connect(
  { command: process.execPath, args: [here('../../dist/cli/main.js'), 'run', here('server.ts')] },
  { elicitation: true }, // each call has an onElicit of its own
);

console.log(`In the foreground: counting ${path}`);
const foreground = new Watcher();
const now = foreground.check(await client.callTool('repositoryReport', { path }, foreground.handlers));

console.log('\nAs a background task: the same again');
const background = new Watcher();
const task = await client.callTool('repositoryReport', { path }, { ...background.handlers, task: true });
console.log(`  task ${task.taskId} is ${(await task.status()).status}`);
const later = background.check(await task.result());
assert.equal((await task.status()).status, 'completed');
if (now.testsCounted === later.testsCounted) assert.deepEqual(later, now);

console.log(`\nThe report${later.testsCounted ? ', tests included' : ', without tests'}`);
printTable([
  ['language', 'files', 'lines'],
  ...later.languages.map(({ language, files, lines }) => [language, files, lines]),
  ['all', later.files, later.lines],
]);
await client.close();
