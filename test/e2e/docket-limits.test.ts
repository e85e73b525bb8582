import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, defineJob, Logger, tool, type ErrandServer } from '../../src/index.js';
import { connect } from '../../src/client/index.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';

/** The calls that run, and how many there were at once of each component. */
const running: string[] = [];
let most: Record<string, number> = {};
let open = (): void => undefined;
let opened = Promise.resolve();

async function work(name: string): Promise<string> {
  running.push(name);
  most[name] = Math.max(most[name] ?? 0, running.filter((each) => each === name).length);
  await opened;
  running.splice(running.indexOf(name), 1);
  return name;
}

class Mails {
  @tool({ task: 'optional', limits: { concurrency: 1 } })
  send() {
    return work('send');
  }
}

const other = defineJob({
  name: 'other',
  limits: { concurrency: 2, rate: { max: 50, duration: '1h' } },
  run: () => work('other'),
});
const free = defineJob({ name: 'free', run: () => work('free') });

describe.each(['memory', 'redis'])('limits of components on %s', (engine) => {
  let docket: TestDocket | undefined;
  let server: ErrandServer;

  beforeEach(() => {
    running.length = 0;
    most = {};
    opened = new Promise((resolve) => (open = resolve));
    docket = engine === 'redis' ? new TestDocket() : undefined;
    server = createServer({
      name: 'mails',
      version: '1.0.0',
      components: [Mails, other, free],
      docket: { concurrency: 5, ...(docket && { url: docket.url, name: docket.name }) },
      logger: new Logger(() => undefined),
    });
  });
  afterEach(async () => {
    open();
    await server.close();
    await docket?.dispose();
  });

  it('hold for calls in the background, each component by itself; a call in the foreground is not counted', async () => {
    const client = await connect(server);
    const executions = [];
    for (let times = 0; times < 4; times++) {
      executions.push(await server.docket.add(Mails, 'send'), await server.docket.add(other));
    }
    executions.push(await server.docket.add(free), await server.docket.add(free));
    await eventually(() => expect([...running].sort()).toEqual(['free', 'free', 'other', 'other', 'send']));
    expect((await server.docket.stats()).states).toMatchObject({ running: 5, queued: 5 });
    const answer = client.callTool('send');
    await eventually(() => expect(running.filter((name) => name === 'send')).toHaveLength(2));
    most['send'] = 0;
    open();
    await answer;
    await Promise.all(executions.map((execution) => execution.result()));
    expect(most).toEqual({ send: expect.any(Number), other: 2, free: 2 });
    expect(most['send']).toBeLessThanOrEqual(1);
    await client.close();
  });
});
