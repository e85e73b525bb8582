import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { root, runNode } from '../helpers/child.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-modules-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Has a client call a server of `components` in a process of its own. Gives the modules of engines that it loaded. */
async function enginesOf(name: string, components: string): Promise<string[]> {
  const log = join(folder, name);
  const from = (path: string): string => JSON.stringify(join(root, 'dist', path));
  const script = `
    const { createServer, defineJob, defineTool } = await import(${from('index.js')});
    const { connect } = await import(${from('client/index.js')});
    const hello = defineTool({ name: 'hello', run: () => 'hello' });
    const refresh = defineJob({ name: 'refresh', run: () => 1 });
    const server = createServer({ name: 'x', version: '1', components: ${components} });
    const client = await connect(server);
    console.log((await client.callTool('hello')).content[0].text);
    await client.close();
    await server.close();`;
  const hook = join(root, 'test/package/fixtures/project/log-modules.mjs');
  const ended = await runNode(['--import', hook, '--input-type=module', '--eval', script], { env: { MODULES: log } });
  expect(ended).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
  const engine =
    /\/dist\/(docket\/(memory|worker|sealing\/sealed-)|redis\/|server\/background)|\/node_modules\/(bullmq|ioredis)\//;
  return [...new Set((await readFile(log, 'utf8')).split('\n').filter((url) => engine.test(url)))].map((url) =>
    url.replace(/.*\/(dist|node_modules)\//, ''),
  );
}

describe('a server that is called', () => {
  it('loads no engine where no component runs in the background', async () => {
    expect(await enginesOf('none', '[hello]')).toEqual([]);
  });

  it('loads the one in memory where one does, and nothing of Redis', async () => {
    const engines = await enginesOf('memory', '[hello, refresh]');
    expect(engines).toContain('docket/memory/memory-engine.js');
    expect(engines.filter((path) => /bullmq|ioredis|redis-engine/.test(path))).toEqual([]);
  });
});
