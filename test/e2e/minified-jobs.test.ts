import { afterEach, describe, expect, it } from '@jest/globals';
import { job } from '../../src/index.js';
import { afterTest, closeOpened, connect, serverOf } from '../helpers/in-memory.js';
import { TestDocket } from '../helpers/redis.js';

afterEach(closeOpened);

/** A class as a bundler with a minifier writes it. */
async function minified(version: string): Promise<new () => { send(): void }> {
  const source = `export class a{send(){return 1}}//${version}`;
  const { a } = (await import(`data:text/javascript,${source}`)) as { a: new () => { send(): void } };
  return a;
}

const decorate = (target: { readonly prototype: object }, name?: string): void =>
  (job(name === undefined ? {} : { name }) as (target: object, method: string, third: object) => void)(
    target.prototype,
    'send',
    {},
  );

describe('a job of a class that a minifier has renamed', () => {
  it.each([
    ['is warned of, where its executions outlive the build', undefined, true, 1],
    ['is not warned of if it has a name', 'send-mail', true, 0],
    ['is not warned of where nothing outlives the process', undefined, false, 0],
  ])('%s [D3]', async (what, name, onRedis, warnings) => {
    const Mails = await minified(encodeURIComponent(what));
    decorate(Mails, name);
    const docket = onRedis ? new TestDocket() : undefined;
    afterTest(async () => docket?.dispose());
    const { server, log } = serverOf({
      components: [Mails],
      ...(docket && { docket: { url: docket.url, name: docket.name, maxBlock: '1s' } }),
    });
    await connect(server);
    const found = log.filter(({ message }) => message.startsWith('Jobs are named after classes'));
    expect(found).toHaveLength(warnings);
    if (warnings > 0) expect(found[0]).toMatchObject({ level: 'warning', fields: { jobs: ['a.send'] } });
  });
});
