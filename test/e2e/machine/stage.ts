import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, defineTool, ErrandError, toolResult, ToolError } from '../../../src/index.js';

/** The ways in which a call can come to its end. */
export const finishes = ['returns', 'returns an error', 'throws', 'throws a protocol error'] as const;

export type Finish = (typeof finishes)[number];

/** One run of a task. What it does is what the test makes it do, also when its task is no longer its own. */
export class Run {
  /** What the method of the tool waits for and returns. */
  readonly outcome: Promise<unknown>;
  private settle: { resolve(value: unknown): void; reject(error: Error): void } | undefined;

  /** @param stubborn - does not care about being aborted */
  constructor(
    private readonly ctx: Context,
    stubborn: boolean,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      const abort = (): void => reject(ctx.signal.reason as Error);
      if (stubborn) return;
      if (ctx.signal.aborted) abort();
      else ctx.signal.addEventListener('abort', abort, { once: true });
    });
  }

  finish(how: Finish): void {
    switch (how) {
      case 'returns':
        return this.settle!.resolve('done');
      case 'returns an error':
        return this.settle!.resolve(toolResult({ content: [{ type: 'text', text: 'did not work' }], isError: true }));
      case 'throws':
        return this.settle!.reject(new ToolError('cannot work'));
      case 'throws a protocol error':
        return this.settle!.reject(new McpError(-32050, 'not like this', { why: ['here'] }));
    }
  }

  /** Whether the call could still report. */
  async progress(current: number): Promise<boolean> {
    return this.ctx.reportProgress(current, undefined, `at ${current}`).then(
      () => true,
      () => false,
    );
  }

  /** What came of a question: its content, what else the user did, the code of an error, or `over` when the call was. */
  async ask(key: string, deadline: number): Promise<string> {
    try {
      const answer = await this.ctx.elicit(`${key}?`, z.string(), { key, deadline });
      return answer.action === 'accept' ? answer.content : answer.action;
    } catch (error) {
      if (!ErrandError.is(error)) throw error;
      return error.code.startsWith('CALL_') ? 'over' : error.code;
    }
  }
}

const Input = z.object({ name: z.string(), stubborn: z.boolean() });

/** Where the runs of a server's tool are at the disposal of the test. */
export class Stage {
  /** The runs of each task, the oldest first. */
  readonly runs = new Map<string, Run[]>();

  readonly tool = defineTool({
    name: 'play',
    input: Input,
    task: 'required',
    inject: [Context],
    run: ({ name, stubborn }, ctx) => {
      const run = new Run(ctx, stubborn);
      this.runs.set(name, [...(this.runs.get(name) ?? []), run]);
      return run.outcome;
    },
  });
}
