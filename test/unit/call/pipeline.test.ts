import { beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ErrandError } from '../../../src/base/errors.js';
import { Logger } from '../../../src/base/logger.js';
import { Meters } from '../../../src/telemetry/meters.js';
import { Tracing } from '../../../src/telemetry/tracing.js';
import { CurrentHeaders, anonymous } from '../../../src/call/principal.js';
import type { Answer, ClientChannel } from '../../../src/call/channel.js';
import { Context } from '../../../src/call/context.js';
import type { Around, CallFrame, CallSettings } from '../../../src/call/frame.js';
import { Journal } from '../../../src/call/questions/journal.js';
import { CallScope } from '../../../src/call/call-scope.js';
import { makeFrame, runCall, type CallOutcome } from '../../../src/call/pipeline.js';
import { Catalog } from '../../../src/components/catalog.js';
import { defineTool, type DefinedComponent } from '../../../src/components/define.js';
import type { BuiltIn } from '../../../src/injection/plan/plan.js';
import { Injector } from '../../../src/injection/injector.js';
import { FakeClock } from '../../helpers/fake-clock.js';

let steps: string[];
let log: string[];
let clock: FakeClock;

beforeEach(() => {
  steps = [];
  log = [];
  clock = new FakeClock();
});

const resource = {
  provide: 'resource',
  useFactory: () => {
    steps.push('open');
    return {};
  },
  lifetime: 'call' as const,
  dispose: () => void steps.push('dispose'),
};

const ask = defineTool({
  name: 'ask',
  task: 'optional',
  input: z.object({ n: z.string().transform(Number).pipe(z.number()) }).transform((input) => {
    steps.push('parse');
    return input;
  }),
  output: z.codec(z.string(), z.string(), {
    decode: (value) => value,
    encode: (value) => {
      steps.push('encode');
      return value;
    },
  }),
  inject: [Context, 'resource'],
  run: async ({ n }, ctx) => {
    steps.push('invoke');
    const answer = await ctx.elicit('Sure?', z.boolean());
    return `${n} ${answer.action}`;
  },
});

const settings = (around?: Around): CallSettings => ({
  clock,
  logger: new Logger((_level, message) => log.push(message)),
  meters: new Meters(),
  tracing: new Tracing(),
  disclosure: 'mask',
  grace: 1_000,
  questionDeadline: 60_000,
  ...(around && { around }),
});

const answering = (answer: (scope: CallScope) => Promise<Answer>): ClientChannel => ({
  ask: (_question, scope) => scope.waitFor(answer(scope)),
  progress: () => Promise.resolve(),
  notify: () => Promise.resolve(),
});

const yes = answering(() => Promise.resolve({ result: { action: 'accept', content: { value: true } } }));

function call(
  component: DefinedComponent,
  { channel = yes, around, journal, input = { n: '7' } }: Partial<Parts> = {},
): Promise<CallOutcome> {
  const context: BuiltIn<CallFrame> = {
    token: Context,
    modes: ['foreground', 'background'],
    call: (frame) => new Context(frame),
  };
  const injector = new Injector<CallFrame>({ providers: [resource], builtIns: [context] });
  const catalog = new Catalog<CallFrame>([component], injector, { task: 'forbidden', timeout: 60_000 });
  const all = settings(around);
  const frame = makeFrame(all, {
    component: catalog.named('tool', component.name)!,
    mode: 'foreground',
    input,
    channel,
    scope: new CallScope(clock, 60_000),
    caller: { principal: anonymous, headers: new CurrentHeaders() },
    client: { capabilities: { elicitation: { form: {} } } },
    logger: all.logger,
    ...(journal && { journal }),
  });
  return runCall(frame, 'client', () => steps.push('released'));
}

interface Parts {
  readonly channel: ClientChannel;
  readonly around: Around;
  readonly journal: Journal;
  readonly input: unknown;
}

describe('a call', () => {
  it('goes one way: parse, middleware, open, invoke, encode, dispose', async () => {
    const around: Around = async (frame, next) => {
      steps.push(`before ${frame.component.name}`);
      const value = await next();
      steps.push('after');
      return value;
    };
    expect(await call(ask, { around })).toMatchObject({
      type: 'returned',
      value: { structuredContent: { result: '7 accept' } },
    });
    expect(steps).toEqual(['parse', 'before ask', 'open', 'invoke', 'after', 'encode', 'dispose', 'released']);
  });

  it('refused by its middleware opens no container, and fails', async () => {
    const refusal = new ErrandError('NO_ACCESS_TOKEN', 'Log in first.', { exposed: true });
    expect(await call(ask, { around: () => Promise.reject(refusal) })).toEqual({ type: 'failed', thrown: refusal });
    expect(steps).toEqual(['parse', 'released']);
  });

  it('runs its method once, however often the middleware calls next', async () => {
    const around: Around = async (_frame, next) => [await next(), await next()].at(0);
    expect(await call(ask, { around })).toMatchObject({ type: 'returned' });
    expect(steps).toEqual(['parse', 'open', 'invoke', 'encode', 'dispose', 'released']);
  });

  it('disposes nothing before a method has settled that its middleware did not await', async () => {
    const around: Around = (_frame, next) => {
      void next();
      return Promise.resolve('early');
    };
    expect(await call(ask, { around })).toMatchObject({
      type: 'returned',
      value: { structuredContent: { result: 'early' } },
    });
    expect(steps).toEqual(['parse', 'open', 'invoke', 'encode', 'dispose', 'released']);
  });

  it('whose input is invalid fails before its middleware runs', async () => {
    const outcome = await call(ask, { input: { n: 1 }, around: (_frame, next) => next() });
    expect(outcome).toMatchObject({ type: 'failed', thrown: { code: 'INPUT_INVALID' } });
    expect(steps).toEqual(['released']);
  });
});

describe('a suspended call', () => {
  it('is no failure, logs nothing, disposes what it opened, and begins anew from its journal', async () => {
    const journal = new Journal();
    const never = new Promise<Answer>(() => undefined);
    const suspending = answering((scope) => {
      scope.suspend();
      return never;
    });
    expect(await call(ask, { channel: suspending, journal })).toEqual({ type: 'suspended' });
    await clock.advance(0);
    expect(steps).toEqual(['parse', 'open', 'invoke', 'dispose', 'released']);
    expect(log).toEqual([]);
    expect(await call(ask, { journal })).toMatchObject({ type: 'returned' });
    expect(log).toEqual([]);
  });
});
