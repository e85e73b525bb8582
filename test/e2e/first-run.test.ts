import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { settled } from '../../src/cli/loading/settled.js';
import { asBuilt, cli, fixtureFile, runNode } from '../helpers/child.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-first-run-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('errand run', () => {
  it('says in a terminal that it serves over stdio and how to try it, and only there [D7]', async () => {
    const file = fixtureFile('errands.ts');
    const run = (nodeOptions: string) =>
      runNode([cli, 'run', file], { env: { ...asBuilt, NODE_OPTIONS: nodeOptions } });
    const inTerminal = await run('--import=data:text/javascript,process.stdin.isTTY=true');
    expect(inTerminal).toMatchObject({ code: 0, stdout: '' });
    expect(inTerminal.stderr).toMatch(/^\S+ serves MCP over stdio: it waits for a client's messages on stdin/m);
    expect(inTerminal.stderr).toContain(`npx @modelcontextprotocol/inspector npx errand run ${file}\n`);
    expect(inTerminal.stderr).toContain(`npx errand run ${file} --http 3000\n`);
    expect((await run('')).stderr).not.toContain('serves MCP over stdio');
  });

  it('names a server file that never finishes loading [D7]', async () => {
    const file = join(folder, 'never.ts');
    await writeFile(file, 'export default new Promise(() => {});\n');
    expect(await runNode([cli, 'run', file])).toEqual({
      code: 1,
      stdout: '',
      stderr: `errand: ${file} never finishes loading: a top-level await, or the promise or function that it exports as default, has not settled, and nothing is left that could.\n`,
    });
  });

  it('suggests the command that is meant [D7]', async () => {
    expect((await runNode([cli, 'rnu', 'server.ts'])).stderr).toBe(
      `errand: errand has no command 'rnu'. Give one of run, worker, tasks, workers, or --help. You probably mean run.\n`,
    );
  });
});

it('a server file that takes long is mentioned while it is waited for [D7]', async () => {
  const write = process.stderr.write.bind(process.stderr);
  let finish = (_server: string): void => undefined;
  const loading = new Promise<string>((resolve) => (finish = resolve));
  const said = new Promise<string>((resolve) => {
    process.stderr.write = (text: string | Uint8Array): boolean => {
      resolve(String(text));
      return true;
    };
  });
  try {
    const waiting = settled('slow.ts', loading, 5);
    expect(await said).toMatch(/^errand: still waiting for slow\.ts after .+ has not settled\.\n$/);
    finish('server');
    expect(await waiting).toBe('server');
  } finally {
    process.stderr.write = write;
  }
});
