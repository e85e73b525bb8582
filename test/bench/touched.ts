import { Session } from 'node:inspector/promises';
import { connect } from 'errand/client';
import { Context, createServer, defineTool, Logger, Progress, type ErrandServer } from 'errand';
import { startRedis } from '../helpers/redis-server.js';

/** What of ours one call goes through. */
interface Touched {
  readonly files: number;
  readonly functions: number;
  readonly json: number;
}

const cost = defineTool({
  name: 'cost',
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await progress.report(1, 2, 'half');
    return ctx.component;
  },
});

const ours = /\/dist\/(?!client\/)/;

const counted = { json: 0 };

const operations = (): Record<string, object> => {
  const { parse, stringify } = JSON as unknown as Record<string, object>;
  return { parse: parse ?? {}, stringify: stringify ?? {} };
};

/** Counts what our own files write and read as JSON. */
function countJson(): void {
  const counting = (operation: object): object =>
    new Proxy(operation, {
      apply: (real: (...args: unknown[]) => unknown, self, args: unknown[]) => {
        const caller = new Error('who calls').stack?.split('\n')[2] ?? '';
        if (ours.test(caller)) counted.json++;
        return Reflect.apply(real, self, args);
      },
    });
  Object.assign(JSON, Object.fromEntries(Object.entries(operations()).map(([name, real]) => [name, counting(real)])));
}

/** Makes the call some times until everything is loaded, then once while V8 notes what it runs. */
async function touchedBy(call: () => Promise<unknown>): Promise<Touched> {
  for (let round = 0; round < 20; round++) await call();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await session.post('Profiler.takePreciseCoverage');
  await call();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  // Polls of a worker come between at times.
  let json = Infinity;
  for (let round = 0; round < 10; round++) {
    counted.json = 0;
    await call();
    json = Math.min(json, counted.json);
  }
  const files = result.filter(({ url }) => ours.test(url));
  const functions = files.map((file) => file.functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0).length);
  return { files: functions.filter((count) => count > 0).length, functions: sum(functions), json };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function print(what: string, { files, functions, json }: Touched): void {
  console.log(`${what}: ${files} files, ${functions} functions, ${json} JSON operations of ours`);
}

const make = (url?: string): ErrandServer =>
  createServer({
    name: 'touched',
    version: '1.0.0',
    components: [cost],
    logger: new Logger(() => undefined),
    ...(url !== undefined && { docket: { url } }),
  });

countJson();
const local = make();
const overHttp = await connect((await local.listen()).url);
print('a call in the foreground over HTTP', await touchedBy(() => overHttp.callTool('cost')));
await overHttp.close();
await local.close();

const redis = await startRedis();
const distributed = make(redis.url);
const client = await connect(distributed);
print(
  'a task on Redis with one progress report, from the request to its result',
  await touchedBy(async () => (await client.callTool('cost', {}, { task: true })).result()),
);
await client.close();
await distributed.close();
await redis.stop();
process.exit(0);
