import { afterEach, describe, expect, it } from '@jest/globals';
import { defineTool, token, type Token } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { traced } from '../helpers/traced.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const One: Token<string> = token<string>('One');

describe.each(modes)('a call that runs into its timeout in the %s', (mode) => {
  it.each([
    ['after it has settled, when that is within the grace', '2s', ['make one', 'aborted', 'settled', 'dispose one']],
    [
      'when the grace has passed, and not again when it settles',
      '20ms',
      ['make one', 'aborted', 'dispose one', 'settled'],
    ],
  ] as const)('is answered at once and disposed %s', async (_when, grace, expected) => {
    const trace: string[] = [];
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const work = defineTool({
      name: 'work',
      task: 'optional',
      timeout: '20ms',
      inject: [One, AbortSignal],
      run: async (_input, _one, signal) => {
        signal.addEventListener('abort', () => trace.push('aborted'), { once: true });
        await settled;
        trace.push('settled');
      },
    });
    const { server, log } = serverOf({ components: [work], providers: [traced(trace, One, 'one')], grace });
    const result = await call(await connect(server), mode, 'work');
    expect(textOf(result)).toBe('The call did not finish within its timeout of 20 ms.');
    expect(trace).not.toContain('settled');
    if (grace === '20ms') await eventually(() => expect(trace).toContain('dispose one'));
    settle();
    await eventually(() => expect(trace).toEqual(expected));
    await server.close();
    expect(trace).toEqual(expected);
    const warnings = log.filter(({ level }) => level === 'warning').map(({ message }) => message);
    expect(warnings).toEqual(
      grace === '20ms' ? ['A call that was ended did not stop within its grace; its container is disposed'] : [],
    );
  });
});

describe('a call that its client cancels', () => {
  it('is disposed as well, after it has settled', async () => {
    const trace: string[] = [];
    const work = defineTool({
      name: 'work',
      inject: [One, AbortSignal],
      run: async (_input, _one, signal) => {
        trace.push('run');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        trace.push('aborted');
        await new Promise((resolve) => setImmediate(resolve));
        trace.push('settled');
      },
    });
    const { server } = serverOf({ components: [work], providers: [traced(trace, One, 'one')] });
    const client = await connect(server);
    const abort = new AbortController();
    const answer = client.callTool({ name: 'work' }, undefined, { signal: abort.signal });
    await eventually(() => expect(trace).toContain('run'));
    abort.abort('enough');
    await expect(answer).rejects.toThrow();
    await eventually(() => expect(trace).toEqual(['make one', 'run', 'aborted', 'settled', 'dispose one']));
  });
});
