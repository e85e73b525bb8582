import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { container } from 'tsyringe';
import { createServer, defineJob, defineTool, injectable, type Provider, type ServerOptions } from '../../src/index.js';
import { closeOpened, connect, serverOf } from '../helpers/in-memory.js';
import { refusalOf, rejectionOf } from '../helpers/thrown.js';

afterEach(closeOpened);

const plain = defineTool({ name: 'plain', run: () => 'ran' });

describe('an eager provider', () => {
  class Pool {
    readonly size = 3;
  }

  it('is built, with what it needs, when the server starts, and disposed when it closes [D8]', async () => {
    const diary: string[] = [];
    const providers: Provider[] = [
      Pool,
      {
        provide: 'cache',
        useFactory: async ({ size }: Pool) => {
          diary.push(`warmed ${size}`);
          return Promise.resolve({});
        },
        inject: [Pool],
        eager: true,
        dispose: () => diary.push('disposed'),
      },
      { provide: 'idle', useFactory: () => diary.push('idle') },
    ];
    const { server } = serverOf({ components: [plain], providers });
    expect(diary).toEqual([]);
    await connect(server);
    expect(diary).toEqual(['warmed 3']);
    await closeOpened();
    expect(diary).toEqual(['warmed 3', 'disposed']);
  });

  it('is checked by createServer, and is a singleton [D8]', () => {
    const refused = (provider: unknown) =>
      refusalOf(() => createServer({ name: 'test', version: '1', components: [], providers: [provider as Provider] }));
    expect(refused({ provide: 'cache', useFactory: (pool: Pool) => pool, inject: [Pool], eager: true })).toMatchObject({
      code: 'TOKEN_NOT_REGISTERED',
      message: expect.stringMatching(/^"cache" → Pool: not registered\./),
    });
    expect(refused({ provide: Pool, useClass: Pool, lifetime: 'call', eager: true })).toEqual({
      code: 'PROVIDER_INVALID',
      message:
        'providers[0] (Pool) is eager, but lives for a call. Only a singleton can be built when the server starts.',
    });
    expect(refused({ provide: Pool, useClass: Pool, eager: 'yes' }).message).toBe(
      'providers[0] (Pool) has eager: "yes". Give true or false.',
    );
  });
});

describe('onStart and onClose', () => {
  const job = (diary: string[]) =>
    defineJob({
      name: 'clean',
      run: () => {
        diary.push('worked');
      },
    });

  it('run before the first call and after the last, and may use the docket [D8]', async () => {
    const diary: string[] = [];
    const cleaning = job(diary);
    const { server } = serverOf({
      components: [cleaning],
      providers: [
        {
          provide: 'cache',
          useFactory: () => diary.push('built'),
          eager: true,
          dispose: () => diary.push('disposed'),
        },
      ],
      onStart: async ({ docket }) => {
        await docket.schedule('nightly', { every: '1h' }, cleaning);
        diary.push('started');
      },
      onClose: ({ name }) => diary.push(`closed ${name}`),
    });
    await (await server.docket.add(cleaning)).result();
    expect(diary).toEqual(['built', 'started', 'worked']);
    expect((await server.docket.schedules()).map(({ id }) => id)).toEqual(['nightly']);
    await connect(server);
    await closeOpened();
    expect(diary).toEqual(['built', 'started', 'worked', 'closed test', 'disposed']);
  });

  it('fail the start with a code, and the next start tries again [D8]', async () => {
    let attempts = 0;
    const { server } = serverOf({
      components: [plain],
      onStart: () => {
        if (++attempts === 1) throw new Error('no table');
      },
    });
    expect(await rejectionOf(connect(server))).toEqual({
      code: 'HOOK_FAILED',
      message: 'onStart of createServer failed: no table',
    });
    await connect(server);
    expect(attempts).toBe(2);
  });

  it('cannot wait for a docket that the server does not have [D8]', async () => {
    const { server } = serverOf({ components: [plain], onStart: ({ docket }) => docket.schedules() });
    expect(await rejectionOf(connect(server))).toMatchObject({ code: 'HOOK_FAILED' });
  });

  it('do not keep the rest from closing when onClose fails, and it is not called without a start [D8]', async () => {
    const diary: string[] = [];
    const options: ServerOptions = {
      name: 'test',
      version: '1',
      components: [plain],
      providers: [{ provide: 'cache', useFactory: () => 1, eager: true, dispose: () => diary.push('disposed') }],
      onClose: () => {
        diary.push('closed');
        throw new Error('no reply');
      },
    };
    await createServer(options).close();
    expect(diary).toEqual([]);
    const server = createServer(options);
    await connect(server);
    expect(await rejectionOf(server.close())).toEqual({
      code: 'HOOK_FAILED',
      message: 'onClose of createServer failed: no reply',
    });
    expect(diary).toEqual(['closed', 'disposed']);
  });
});

it('a class that only tsyringe would build is refused with the reason [D8]', () => {
  @injectable()
  class Store {}
  const create = () =>
    createServer({
      name: 'test',
      version: '1',
      components: [defineTool({ name: 'use', inject: [Store], run: () => 'used' })],
      container: container.createChildContainer(),
    });
  expect(refusalOf(create)).toEqual({
    code: 'TOKEN_NOT_REGISTERED',
    message:
      'use → Store: not registered. tsyringe would build it all the same; Errand does not, since a forgotten provider would go unnoticed and nobody would know how long such an instance lives. Add Store (if it is abstract: { provide: Store, useClass: … }) to providers, or write @inject(Store, { optional: true }) if it may be absent.',
  });
});
