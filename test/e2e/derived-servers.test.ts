import { afterEach, describe, expect, it } from '@jest/globals';
import { defineTool, inject, injectable, token, tool, type Provider, type Token } from '../../src/index.js';
import { refusalOf } from '../helpers/thrown.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const One: Token<string> = token<string>('One');
const Two: Token<string> = token<string>('Two');

describe('singletons', () => {
  it('are built once, in order, before the first client is served, and disposed in reverse', async () => {
    const trace: string[] = [];
    const single = (provide: Token<string>, name: string, needs: Token<string>[] = []): Provider => ({
      provide,
      inject: needs,
      useFactory: async () => {
        await Promise.resolve();
        trace.push(`make ${name}`);
        return name;
      },
      dispose: () => trace.push(`dispose ${name}`),
    });
    const work = defineTool({ name: 'work', task: 'optional', inject: [One], run: (_input, one) => one });
    const { server } = serverOf({ components: [work], providers: [single(One, 'one', [Two]), single(Two, 'two')] });
    expect(trace).toEqual([]);
    const clients = await Promise.all([connect(server), connect(server)]);
    expect(trace).toEqual(['make two', 'make one']);
    await Promise.all(clients.flatMap((client) => modes.map((mode) => call(client, mode, 'work'))));
    await server.close();
    expect(trace).toEqual(['make two', 'make one', 'dispose one', 'dispose two']);
  });
});

describe('with({ override })', () => {
  it('swaps a provider, leaves the original as it was, and has a docket of its own', async () => {
    const work = defineTool({ name: 'work', task: 'optional', inject: [One], run: (_input, one) => one });
    const { server } = serverOf({ components: [work], providers: [{ provide: One, useValue: 'real' }] });
    const derived = server.with({ override: [{ provide: One, useValue: 'fake' }] });
    const [original, other] = [await connect(server), await connect(derived)];
    for (const mode of modes) {
      expect(textOf(await call(other, mode, 'work'))).toBe('fake');
      expect(textOf(await call(original, mode, 'work'))).toBe('real');
    }
    const tasksOf = async (client: typeof original): Promise<string[]> =>
      (await client.experimental.tasks.listTasks()).tasks.map(({ taskId }) => taskId);
    const [ours, theirs] = [await tasksOf(original), await tasksOf(other)];
    expect([ours.length, theirs.length]).toEqual([1, 1]);
    expect(ours).not.toEqual(theirs);
    await derived.close();
    expect(textOf(await call(original, 'background', 'work'))).toBe('real');
  });

  it('builds singletons of its own', async () => {
    let built = 0;
    class Warehouse {
      readonly number = ++built;
    }
    const work = defineTool({
      name: 'work',
      inject: [Warehouse, One],
      run: (_input, warehouse, one) => `${warehouse.number} ${one}`,
    });
    const { server } = serverOf({ components: [work], providers: [Warehouse, { provide: One, useValue: 'real' }] });
    const derived = server.with({ override: [{ provide: One, useValue: 'fake' }] });
    const [original, other] = [await connect(server), await connect(derived)];
    expect(textOf(await call(original, 'foreground', 'work'))).toBe('1 real');
    expect(textOf(await call(other, 'foreground', 'work'))).toBe('2 fake');
    await derived.close();
  });

  describe('of a component class', () => {
    @injectable()
    class ReportTools {
      constructor(@inject(One) private readonly one: string) {}

      @tool({ task: 'optional' })
      build(): string {
        return this.one;
      }
    }
    const real = () => serverOf({ components: [ReportTools], providers: [{ provide: One, useValue: 'real' }] }).server;

    it.each<[string, Provider]>([
      ['a value', { provide: ReportTools, useValue: { build: () => 'fake' } }],
      [
        'another class',
        {
          provide: ReportTools,
          useClass: class {
            build = (): string => 'fake';
          },
        },
      ],
    ])('puts %s in the place of its instances', async (_what, override) => {
      const server = real();
      const derived = server.with({ override: [override] });
      const [original, other] = [await connect(server), await connect(derived)];
      for (const mode of modes) {
        expect(textOf(await call(other, mode, 'build'))).toBe('fake');
        expect(textOf(await call(original, mode, 'build'))).toBe('real');
      }
      const again = await connect(
        derived.with({ override: [{ provide: ReportTools, useValue: { build: () => '3' } }] }),
      );
      expect(textOf(await call(again, 'foreground', 'build'))).toBe('3');
      await derived.close();
    });

    it('says so when the method that is called was left out', async () => {
      const { server, log } = serverOf({ components: [ReportTools], providers: [{ provide: One, useValue: 'real' }] });
      const client = await connect(server.with({ override: [{ provide: ReportTools, useValue: {} }] }));
      expect((await call(client, 'foreground', 'build')).isError).toBe(true);
      expect(log.map(({ fields }) => fields.error)).toMatchObject([
        { code: 'COMPONENT_INVALID', message: expect.stringMatching(/^ReportTools\.build: .+ has no method build\./) },
      ]);
    });

    it('is refused where the server has no such component', () => {
      class Other {}
      expect(refusalOf(() => real().with({ override: [{ provide: Other, useValue: {} }] }))).toEqual({
        code: 'OVERRIDE_UNKNOWN',
        message:
          'override names Other, which is not provided. Override what is in providers or components: One, ReportTools.',
      });
    });
  });
});
