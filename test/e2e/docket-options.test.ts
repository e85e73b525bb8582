import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, defineJob, Logger, type AddOptions, type ErrandServer } from '../../src/index.js';
import { rejection } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';

const sweep = defineJob({ name: 'sweep', run: () => 'swept' });

describe.each(['memory', 'redis'])('what a docket on %s is told', (engine) => {
  let docket: TestDocket;
  let server: ErrandServer;
  beforeEach(() => {
    docket = new TestDocket();
    server = createServer({
      name: 'told',
      version: '1.0.0',
      components: [sweep],
      logger: new Logger(() => undefined),
      docket: { url: engine === 'redis' ? docket.url : 'memory://', name: docket.name, worker: false },
    });
  });
  afterEach(async () => {
    await server.close();
    await docket.dispose();
  });

  const refused = async (work: Promise<unknown>): Promise<string> => {
    const error = await rejection(work);
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID' });
    return error.message;
  };

  it.each([
    ['an unpaired surrogate, which Redis would take for another', '\ud800', '"\\ud800"'],
    ['nothing', '', '""'],
    ['no text', 5n, '5n'],
  ])('is refused where a key is %s', async (_, key, shown) => {
    expect(await refused(server.docket.add(sweep, undefined, { key: key as string }))).toContain(`key is ${shown}.`);
    expect(await refused(server.docket.schedule(key as string, { every: '1h' }, sweep))).toContain(`id is ${shown}.`);
  });

  it('is refused where an option is unknown, since nothing would come of it', async () => {
    const misspelt = { dealy: '5m' } as AddOptions;
    expect(await refused(server.docket.add(sweep, undefined, misspelt))).toBe(
      'docket.add: "dealy" is not an option (known are retry, timeout, priority, key, when).',
    );
    const keyed = { key: 'nightly' } as object;
    expect(await refused(server.docket.schedule('nightly', { every: '1h' }, sweep, undefined, keyed))).toBe(
      'docket.schedule: "key" is not an option (known are retry, timeout, priority).',
    );
    for (const none of [null, 'soon']) {
      const options = none as unknown as AddOptions;
      expect(await refused(server.docket.add(sweep, undefined, options))).toMatch(/^docket.add: options are /);
    }
  });

  it('is refused where a delay would end beyond what a date can be', async () => {
    expect(await refused(server.docket.add(sweep, undefined, { when: 1e300 }))).toContain('at most 100 years');
    await server.docket.add(sweep, undefined, { when: '36500d' });
    const { executions } = await server.docket.list();
    expect(executions.map(({ runAt }) => runAt?.getUTCFullYear())).toEqual([expect.any(Number)]);
  });

  it('is refused where a component that is listed has no name', async () => {
    await server.docket.add(sweep, undefined, { when: '1h' });
    expect(await refused(server.docket.list({ component: '' }))).toContain('component is empty');
  });
});
