import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  CurrentExecution,
  CurrentPrincipal,
  defineTool,
  ErrandError,
  job,
  Logger,
  tool,
  type ErrandServer,
  type Execution,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { actAs } from '../helpers/principals.js';
import { rejection, request } from '../helpers/raw-calls.js';
import { connectInMemory, type Peer } from '../helpers/transports.js';

const Day = z.object({ day: z.codec(z.iso.date(), z.date(), { decode: (text) => new Date(text), encode: toDay }) });

function toDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** What the jobs saw. */
let runs: { attempt: number; at: number; what?: unknown }[];
/** What is done inside the tool of a test. */
let inside: (docket: CurrentDocket) => Promise<unknown>;
let open: () => void;

class Jobs {
  @job({ input: Day })
  report({ day }: z.infer<typeof Day>, principal: CurrentPrincipal) {
    runs.push({ attempt: 1, at: Date.now(), what: principal.facts.subject ?? principal.id });
    return { year: day.getUTCFullYear() };
  }

  @job()
  async wait(signal: AbortSignal) {
    await new Promise<void>((resolve, reject) => {
      open = resolve;
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    return 'waited';
  }

  @job()
  flaky({ attempt }: CurrentExecution) {
    runs.push({ attempt, at: Date.now() });
    if (attempt < 3) throw new TypeError(`attempt ${attempt} failed`);
    return `worked in attempt ${attempt}`;
  }

  @job()
  async asks(ctx: Context) {
    await ctx.info('jobs have no client to tell');
    await ctx.reportProgress(1, 2, 'halfway');
    return ctx.elicit('Anybody?', z.boolean());
  }
}

class Tools {
  @tool()
  async act(docket: CurrentDocket) {
    await inside(docket);
    return 'acted';
  }
}

const foregroundOnly = defineTool({ name: 'foregroundOnly', run: () => 'now' });

let server: ErrandServer;
let peer: Peer;

beforeEach(async () => {
  runs = [];
  server = createServer({
    name: 'docket',
    version: '1.0.0',
    components: [Jobs, Tools, foregroundOnly],
    logger: new Logger(() => undefined),
  });
  peer = await connectInMemory(server);
});

afterEach(async () => {
  await peer.client.close();
  await server.close();
});

/** Runs `act` inside a tool, and gives what it gave. */
async function inTool<T>(act: (docket: CurrentDocket) => Promise<T>): Promise<T> {
  let result: Promise<T>;
  inside = (docket) => {
    result = act(docket);
    return result.catch(() => undefined);
  };
  await request(peer.client, 'tools/call', { name: 'act' });
  return result!;
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => (await rejection(promise)).code;

describe('docket.add inside a tool', () => {
  it('takes what the method takes and gives what it returns', async () => {
    const execution: Execution<{ year: number }> = await inTool((docket) =>
      docket.add(Jobs, 'report', { day: new Date('2026-11-20') }),
    );
    const result: { year: number } = await execution.result();
    expect(result).toEqual({ year: 2026 });
    expect(execution).toMatchObject({ added: true, key: expect.any(String) });
    expect(await execution.state()).toBe('completed');
  });

  it('refuses an input that does not fit, and leaves nothing behind', async () => {
    const wrong = { day: 'tomorrow' } as never;
    expect(await codeOf(inTool((docket) => docket.add(Jobs, 'report', wrong, { key: 'wrong' })))).toBe('INPUT_INVALID');
    expect(await server.docket.get('wrong')).toBeUndefined();
  });

  it('adds once under one key while it is alive, and again after the end', async () => {
    const add = () => inTool((docket) => docket.add(Jobs, 'wait', undefined, { key: 'nightly' }));
    const first = await add();
    const second = await add();
    expect([first.added, second.added]).toEqual([true, false]);
    await eventually(async () => expect(await first.state()).toBe('running'));
    open();
    expect(await second.result()).toBe('waited');
    expect((await add()).added).toBe(true);
  });

  it('makes it due when it was told', async () => {
    const start = Date.now();
    const execution = await inTool((docket) =>
      docket.add(Jobs, 'report', { day: new Date(0) }, { when: '60ms', key: 'soon' }),
    );
    expect(await execution.state()).toBe('scheduled');
    await execution.result();
    expect(runs[0]!.at - start).toBeGreaterThanOrEqual(60);
    const past = await inTool((docket) => docket.add(Jobs, 'report', { day: new Date(0) }, { when: new Date(0) }));
    expect(await past.result()).toEqual({ year: 1970 });
  });

  it('repeats with a growing wait what throws', async () => {
    const execution = await inTool((docket) =>
      docket.add(Jobs, 'flaky', undefined, { retry: { attempts: 3, delay: 30 } }),
    );
    expect(await execution.result()).toBe('worked in attempt 3');
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const waits = runs.slice(1).map(({ at }, index) => at - runs[index]!.at);
    expect(waits[0]).toBeGreaterThanOrEqual(29);
    expect(waits[1]).toBeGreaterThanOrEqual(59);
  });

  it('gives up after the last attempt, with what it threw', async () => {
    const execution = await inTool((docket) =>
      docket.add(Jobs, 'flaky', undefined, { retry: { attempts: 2, delay: 0 } }),
    );
    const error = await rejection(execution.result());
    expect(error).toMatchObject({
      code: 'EXECUTION_FAILED',
      cause: { code: 'TypeError', message: 'attempt 2 failed' },
    });
    expect(await execution.state()).toBe('failed');
  });

  it('ends what runs longer than its timeout', async () => {
    const execution = await inTool((docket) => docket.add(Jobs, 'wait', undefined, { timeout: 30 }));
    expect(await rejection(execution.result())).toMatchObject({
      code: 'EXECUTION_FAILED',
      cause: { code: 'CALL_TIMED_OUT' },
    });
  });

  it('cancels what runs, and only once', async () => {
    const execution = await inTool((docket) => docket.add(Jobs, 'wait'));
    await eventually(async () => expect(await execution.state()).toBe('running'));
    expect(await execution.cancel('not needed')).toBe(true);
    expect(await execution.cancel()).toBe(false);
    expect(await rejection(execution.result())).toMatchObject({
      code: 'EXECUTION_CANCELLED',
      message: `Execution '${execution.key}' was cancelled: not needed.`,
    });
  });

  it('waits for a result no longer than it is told', async () => {
    const execution = await inTool((docket) => docket.add(Jobs, 'wait'));
    expect(await codeOf(execution.result({ timeout: 20 }))).toBe('WAIT_TIMED_OUT');
    expect(await execution.state()).toBe('running');
  });

  it('refuses a tool that runs in the foreground only, which no worker would make', async () => {
    const error = await rejection(inTool((docket) => docket.add(foregroundOnly)));
    expect(ErrandError.is(error, 'COMPONENT_INVALID')).toBe(true);
    expect(error.message).toBe(
      "foregroundOnly runs in the foreground only, so it cannot be added to the docket. Set `task: 'optional'` on it, or make it a job.",
    );
  });

  it.each([
    ['key', { key: '' }],
    ['when', { when: 'soon' as never }],
    ['when', { when: new Date(Number.NaN) }],
    ['retry', { retry: 0 }],
    ['timeout', { timeout: -1 }],
  ])('refuses a bad %s', async (_name, options) => {
    expect(await codeOf(inTool((docket) => docket.add(Jobs, 'wait', undefined, options)))).toBe('OPTIONS_INVALID');
  });
});

describe('a job', () => {
  it('has no client to ask, and keeps its progress', async () => {
    const execution = await inTool((docket) => docket.add(Jobs, 'asks'));
    expect(await rejection(execution.result())).toMatchObject({
      code: 'EXECUTION_FAILED',
      cause: { code: 'NO_CLIENT' },
    });
    expect(await execution.progress()).toEqual({ current: 1, total: 2, message: 'halfway' });
  });

  it('belongs to the principal of the call that added it', async () => {
    actAs(peer, { subject: 'ada' });
    const execution = await inTool((docket) => docket.add(Jobs, 'report', { day: new Date(0) }));
    await execution.result();
    expect(runs[0]?.what).toBe('ada');
    const byServer = await server.docket.add(Jobs, 'report', { day: new Date(0) });
    await byServer.result();
    expect(runs[1]?.what).toBe('anonymous');
  });
});
