/** What must and must not compile with the docket and servers. Compiled by test/types/types.test.ts, never run. */
import {
  Context,
  createServer,
  CurrentDocket,
  CurrentPrincipal,
  CurrentServer,
  defineJob,
  type Execution,
  type ExecutionState,
  job,
  Logger,
} from 'errand';
import { z } from 'zod';
import { Clock, greet, index, Inputs, Quarter, same, type Same, sweep, Warehouse } from './components.js';

// docket.add
class Shelf {
  count(): number {
    return 1;
  }
}

class Jobs {
  @job({ input: z.object({ full: z.boolean() }) })
  async refresh({ full }: { full: boolean }, logger: Logger) {
    logger.info('refreshing');
    return { refreshed: full ? 10 : 1 };
  }

  @job()
  async sweep(ctx: Context) {
    return ctx.component;
  }

  @job()
  nothing() {
    return 7;
  }

  @job({ input: Quarter })
  lenient(input: Quarter = { quarter: 'Q1' }, logger?: Logger) {
    logger?.info(input.quarter);
  }

  @job()
  stock(shelf: Shelf, ctx: Context) {
    return shelf.count() + ctx.component.length;
  }

  @job()
  owner(principal: CurrentPrincipal) {
    return principal.id;
  }

  @job()
  server(server: CurrentServer) {
    return server.name;
  }

  readonly notAMethod = 1;
}

export async function adding(docket: CurrentDocket): Promise<unknown[]> {
  const refreshed = await docket.add(Jobs, 'refresh', { full: true }, { key: 'nightly', when: '5m', retry: 3 });
  same<Same<typeof refreshed, Execution<{ refreshed: number }>>>();
  const { refreshed: count } = await refreshed.result();
  same<Same<typeof count, number>>();
  const state = await refreshed.state();
  same<Same<typeof state, ExecutionState>>();
  const swept = await docket.add(Jobs, 'sweep', undefined, { when: new Date() });
  same<Same<typeof swept, Execution<string>>>();
  same<Same<Awaited<ReturnType<typeof docket.get>>, Execution | undefined>>();
  await docket.add(Jobs, 'sweep');
  await docket.add(Jobs, 'nothing');
  await docket.add(Jobs, 'owner');
  await docket.add(Jobs, 'stock', undefined, { key: 'stock' });
  await docket.add(Jobs, 'server');
  await docket.add(Jobs, 'lenient', { quarter: 'Q2' });
  const indexed = await docket.add(index, { full: true });
  same<Same<typeof indexed, Execution<{ name: string; sales: number }>>>();
  const greeted = await docket.add(greet, { quarter: 'Q1' }, { timeout: '1m' });
  same<Same<typeof greeted, Execution<string>>>();
  await docket.add(sweep);
  await docket.add(sweep, undefined, { key: 'sweep', priority: 5 });
  const replaced = await docket.replace(Jobs, 'refresh', { full: true }, { key: 'nightly', when: '5m', priority: 1 });
  same<Same<typeof replaced, Execution<{ refreshed: number }>>>();
  await docket.replace(Jobs, 'sweep', undefined, { key: 'sweep' });
  await docket.replace(sweep, undefined, { key: 'sweep' });
  const again = await docket.replace(greet, { quarter: 'Q1' }, { key: 'greet' });
  same<Same<typeof again, Execution<string>>>();
  return [
    // @ts-expect-error: what is replaced has a key
    docket.replace(Jobs, 'refresh', { full: true }, { when: '5m' }),
    // @ts-expect-error: so it has options
    docket.replace(Jobs, 'sweep'),
    // @ts-expect-error: full is a boolean
    docket.replace(Jobs, 'refresh', { full: 'yes' }, { key: 'nightly' }),
    // @ts-expect-error: it takes nothing
    docket.replace(sweep, { full: true }, { key: 'sweep' }),
    // @ts-expect-error: also here a key is needed
    docket.replace(greet, { quarter: 'Q1' }, {}),
    // @ts-expect-error: there is no such method
    docket.add(Jobs, 'refreshed', { full: true }),
    // @ts-expect-error: a property is no method
    docket.add(Jobs, 'notAMethod'),
    // @ts-expect-error: full is a boolean
    docket.add(Jobs, 'refresh', { full: 'yes' }),
    // @ts-expect-error: it needs its input
    docket.add(Jobs, 'refresh'),
    // @ts-expect-error: and no more than that
    docket.add(Jobs, 'refresh', { full: true, half: false }),
    // @ts-expect-error: its first parameter is injected
    docket.add(Jobs, 'sweep', { full: true }),
    // @ts-expect-error: the server is injected
    docket.add(Jobs, 'server', { full: true }),
    // @ts-expect-error: it takes nothing
    docket.add(Jobs, 'nothing', { full: true }),
    // @ts-expect-error: a quarter, if anything
    docket.add(Jobs, 'lenient', { full: true }),
    // @ts-expect-error: a duration has a unit
    docket.add(Jobs, 'nothing', undefined, { when: 'later' }),
    // @ts-expect-error: there is no such option
    docket.add(Jobs, 'nothing', undefined, { delay: 5 }),
    // @ts-expect-error: full is a boolean
    docket.add(index, { full: 1 }),
    // @ts-expect-error: it needs its input
    docket.add(index),
    // @ts-expect-error: it takes nothing
    docket.add(sweep, { full: true }),
    // @ts-expect-error: a name is no component
    docket.add('index', { full: true }),
  ];
}

// docket.schedule and execution.subscribe
export async function schedules(docket: CurrentDocket, execution: Execution) {
  const { next } = await docket.schedule('a', { cron: '0 3 * * *' }, Jobs, 'refresh', { full: true }, { retry: 2 });
  same<Same<typeof next, Date>>();
  await docket.schedule('b', { every: '15m' }, sweep);
  for await (const change of execution.subscribe()) {
    if (change.type === 'state') same<Same<typeof change.state, ExecutionState>>();
  }
  return [
    // @ts-expect-error: it needs its input
    docket.schedule('a', { every: '15m' }, Jobs, 'refresh'),
    // @ts-expect-error: full is a boolean
    docket.schedule('a', { every: '15m' }, index, { full: 1 }),
    // @ts-expect-error: a duration has a unit
    docket.schedule('a', { every: 'often' }, sweep),
    // @ts-expect-error: the id is the key, and when comes first
    docket.schedule('a', { every: '15m' }, Jobs, 'nothing', undefined, { key: 'b' }),
  ];
}

// createServer and with
abstract class Unfinished {
  abstract run(): string;
}

export const server = createServer({
  name: 'types',
  version: '1.0.0',
  components: [Inputs, greet, index, { component: Jobs, lifetime: 'singleton' }],
  providers: [Warehouse, { provide: Clock, useValue: { now: () => 0 } }, { provide: 'text', useFactory: () => 'text' }],
  tasks: 'optional',
  timeout: '1h',
  docket: { concurrency: 4, ttl: '10m' },
});
export const derived = server.with({ override: [{ provide: Clock, useValue: { now: () => 1 } }] });
same<Same<typeof derived, typeof server>>();
// @ts-expect-error: an override is a list
server.with({ override: Warehouse });
// @ts-expect-error: its entries are providers
server.with({ override: [5] });
// @ts-expect-error: an entry says how
server.with({ override: [{ provide: Clock }] });
// @ts-expect-error: a server has a version
createServer({ name: 'types', components: [] });
// @ts-expect-error: an instance is no component
createServer({ name: 'types', version: '1.0.0', components: [new Warehouse()] });
// @ts-expect-error: nothing can make an abstract class
createServer({ name: 'types', version: '1.0.0', components: [Unfinished] });
// @ts-expect-error: there is no such lifetime
createServer({ name: 'types', version: '1.0.0', components: [{ component: Jobs, lifetime: 'request' }] });
// @ts-expect-error: there is no such option
createServer({ name: 'types', version: '1.0.0', components: [], provider: [Warehouse] });
