import { describe, expect, it } from '@jest/globals';
import { ErrandError } from '../../../src/base/errors.js';
import { injectionOf } from '../../../src/injection/inject.js';
import { Injector, type BuiltIn } from '../../../src/injection/injector.js';
import { lazy, token, type InjectionRequest } from '../../../src/injection/tokens.js';
import { planOf, rejectionOf, thrownBy } from './planning.js';

interface Frame {
  readonly user?: string;
  readonly asked: string[];
}
const User = token<string>('User');
const Log = token<string>('Log');
const Secret = token<string>('Secret');

const builtIns: BuiltIn<Frame>[] = [
  { token: User, modes: ['foreground'], call: ({ user, asked }) => (asked.push('User'), user) },
  {
    token: Log,
    modes: ['foreground'],
    call: ({ asked }) => (asked.push('Log'), 'of the call'),
    singleton: () => 'of the server',
  },
  {
    token: Secret,
    modes: ['foreground'],
    call: () => undefined,
    absent: () => new ErrandError('NO_ACCESS_TOKEN', 'No access token was sent.'),
  },
];

const planned = (...requests: readonly InjectionRequest[]) =>
  planOf(new Injector<Frame>({ providers: [], builtIns }), requests);

describe('built-in tokens', () => {
  it('are read once per call, and only when the call needs them', async () => {
    const frame: Frame = { user: 'ada', asked: [] };
    const plan = planned(User, { token: User, optional: true }, lazy(Log));
    const call = await plan.open(frame);
    expect(call.args.slice(0, 2)).toEqual(['ada', 'ada']);
    expect(frame.asked).toEqual(['User']);
    expect(plan.needs).toEqual(new Set([User, Log]));
    const log = call.args[2] as () => Promise<unknown>;
    expect([await log(), await log()]).toEqual(['of the call', 'of the call']);
    expect(frame.asked).toEqual(['User', 'Log']);
    expect((await plan.open({ user: 'bob', asked: [] })).args[0]).toBe('bob');
  });

  it('have a value of the server for singletons', async () => {
    const injector = new Injector<Frame>({
      providers: [{ provide: 'held', useFactory: (log: string) => `held ${log}`, inject: [Log] }],
      builtIns,
    });
    const plan = planOf(injector, ['held', Log]);
    await injector.start();
    expect((await plan.open({ asked: [] })).args).toEqual(['held of the server', 'of the call']);
  });

  it('fall back to the value of the server in calls', async () => {
    const injector = new Injector<Frame>({
      providers: [],
      builtIns: [{ token: Log, modes: ['foreground'], singleton: () => 'of the server' }],
    });
    const plan = planOf(injector, [Log]);
    await injector.start();
    expect((await plan.open({ asked: [] })).args).toEqual(['of the server']);
    expect(plan.needs).toEqual(new Set([Log]));
  });

  it('may be absent only where they are optional', async () => {
    expect((await planned({ token: User, optional: true }).open({ asked: [] })).args).toEqual([undefined]);
    expect(thrownBy(() => planned(User).open({ asked: [] }))).toMatchObject({
      code: 'PROVIDER_UNDEFINED',
      message: expect.stringMatching(/^Tools\.run → User: /) as unknown,
    });
    expect(thrownBy(() => planned({ token: User, optional: true }, User).open({ asked: [] }))).toMatchObject({
      code: 'PROVIDER_UNDEFINED',
    });
  });

  it('fail only the lazy request when all others are optional', async () => {
    const { args } = await planned({ token: User, optional: true }, lazy(User)).open({ asked: [] });
    expect(args[0]).toBeUndefined();
    expect(await rejectionOf((args[1] as () => Promise<unknown>)())).toMatchObject({ code: 'PROVIDER_UNDEFINED' });
  });

  it('choose the error for their absence', async () => {
    expect(thrownBy(() => planned(Secret).open({ asked: [] }))).toMatchObject({ code: 'NO_ACCESS_TOKEN' });
    const { args } = await planned({ token: Secret, optional: true }, lazy(Secret)).open({ asked: [] });
    expect(await rejectionOf((args[1] as () => Promise<unknown>)())).toMatchObject({ code: 'NO_ACCESS_TOKEN' });
  });

  it('give way to a provider of their token', async () => {
    const injector = new Injector<Frame>({ providers: [{ provide: User, useValue: 'fake' }], builtIns });
    const plan = injector.plan({ label: 'x', modes: ['background'], injections: [injectionOf(User)] });
    expect((await plan.open({ asked: [] })).args).toEqual(['fake']);
    expect(plan.needs.size).toBe(0);
  });
});
