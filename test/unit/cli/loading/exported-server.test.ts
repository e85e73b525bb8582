import { describe, expect, it } from '@jest/globals';
import { serverOf } from '../../../../src/cli/loading/exported-server.js';
import { createServer } from '../../../../src/index.js';
import { rejectionOf } from '../../../helpers/thrown.js';

const server = createServer({ name: 'test', version: '1', components: [] });
const wayOut = 'Export the server, or a function that makes one: export default createServer({ … }).';

describe('the default export of a server file', () => {
  it.each([
    ['is the server', server],
    ['makes it', () => server],
    ['makes it later', () => Promise.resolve(server)],
    ['is a promise of it', Promise.resolve(server)],
  ])('%s', async (_what, exported) => {
    expect(await serverOf(exported, 's.ts')).toBe(server);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, `s.ts exports nothing as default. ${wayOut}`],
    ['null', null, `s.ts exports null as default. ${wayOut}`],
    ['text', 'x', `s.ts exports a string as default. ${wayOut}`],
    ['an object', {}, `s.ts exports an object as default. ${wayOut}`],
    [
      'an object that has it',
      { mine: server },
      `s.ts exports an object with the server in its property mine as default. ${wayOut}`,
    ],
    [
      'a class',
      class Tools {},
      's.ts exports the class Tools as default, which is not a server yet. Export one that has it: export default createServer({ name, version, components: [Tools] }).',
    ],
  ])('%s is refused [D1]', async (_what, exported, message) => {
    expect(await rejectionOf(serverOf(exported, 's.ts'))).toEqual({ code: 'SERVER_FILE', message });
  });

  it('that fails is told with its error [D1]', async () => {
    const fails = () => Promise.reject(new Error('cannot read .env'));
    expect(await rejectionOf(serverOf(fails, 's.ts'))).toEqual({
      code: 'SERVER_FILE',
      message: 's.ts: the function that it exports as default failed: cannot read .env',
    });
    expect((await rejectionOf(serverOf(fails(), 's.ts'))).message).toBe(
      's.ts: the promise that it exports as default was rejected: cannot read .env',
    );
  });
});
