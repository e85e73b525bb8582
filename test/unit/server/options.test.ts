import { describe, expect, it } from '@jest/globals';
import { createServer, defineTool, job, tool, type ServerOptions } from '../../../src/index.js';
import { resolveOptions } from '../../../src/server/options.js';
import { refusalOf } from '../../helpers/thrown.js';

const good = { name: 'test', version: '1.0.0', components: [] };

/** What createServer says of these options. */
const refused = (options: unknown): { code: string; message: string } =>
  refusalOf(() => createServer(options as ServerOptions));

describe('an option of the wrong type is refused in a sentence that names it', () => {
  it.each<[string, object, RegExp]>([
    ['name', { name: '' }, /^createServer: name: .+\.$/],
    ['name', { name: undefined }, /^createServer: name: .+\.$/],
    ['version', { version: 1 }, /^createServer: version: .+\.$/],
    ['title', { title: 1 }, /^createServer: title: .+\.$/],
    ['icons', { icons: 'x' }, /^createServer: icons: .+\.$/],
    ['instructions', { instructions: [] }, /^createServer: instructions: .+\.$/],
    ['components', { components: {} }, /^createServer: components: .+\.$/],
    ['components', { components: undefined }, /^createServer: components: .+\.$/],
    ['providers', { providers: class Warehouse {} }, /^createServer: providers: .+\.$/],
    ['container', { container: 5 }, /^createServer: container: .+\.$/],
    ['container', { container: {} }, /^createServer: container: .+\.$/],
    ['tasks', { tasks: 'yes' }, /^createServer: tasks: task is "yes"\. Give true, false, .+\.$/],
    ['timeout', { timeout: '1 fortnight' }, /^createServer: timeout is "1 fortnight"\. Give milliseconds .+ '1h'\.$/],
    ['timeout', { timeout: Number.NaN }, /^createServer: timeout is NaN\. Give milliseconds .+ '1h'\.$/],
    ['timeout', { timeout: null }, /^createServer: timeout is null\. Give milliseconds .+ '1h'\.$/],
    ['grace', { grace: -1 }, /^createServer: grace is -1\. Give milliseconds .+ '1h'\.$/],
    [
      'questionDeadline',
      { questionDeadline: {} },
      /^createServer: questionDeadline is .+\. Give milliseconds .+ '1h'\.$/,
    ],
    ['errors', { errors: 'show' }, /^createServer: errors: .+\.$/],
    ['logger', { logger: console }, /^createServer: logger: .+\.$/],
    ['docket', { docket: 'memory://' }, /^createServer: docket: .+\.$/],
    ['docket', { docket: 5 }, /^createServer: docket: .+\.$/],
    ['docket.url', { docket: { url: 5 } }, /^createServer: docket\.url: .+\.$/],
    [
      'docket.name',
      { docket: { name: 'half \ud83d' } },
      /^createServer: docket\.name: contains an unpaired surrogate\.$/,
    ],
    ['docket.worker', { docket: { worker: 'no' } }, /^createServer: docket\.worker: .+\.$/],
    ['docket.concurrency', { docket: { concurrency: 0 } }, /^createServer: docket\.concurrency: .+\.$/],
    ['docket.concurrency', { docket: { concurrency: 1.5 } }, /^createServer: docket\.concurrency: .+\.$/],
    ['docket.concurrency', { docket: { concurrency: true } }, /^createServer: docket\.concurrency: .+ number.+\.$/],
    ['docket.concurrency', { docket: { concurrency: '3' } }, /^createServer: docket\.concurrency: .+ number.+\.$/],
    ['docket.concurrency', { docket: { concurrency: [3] } }, /^createServer: docket\.concurrency: .+ number.+\.$/],
    ['docket.headers', { docket: { headers: 'x' } }, /^createServer: docket\.headers: .+\.$/],
    ['docket.lease', { docket: { lease: '999ms' } }, /^createServer: docket\.lease: give at least 1 second\.$/],
    ['docket.ttl', { docket: { ttl: 'long' } }, /^createServer: docket\.ttl is "long"\. Give milliseconds .+ '1h'\.$/],
    [
      'docket.limits.ttl',
      { docket: { limits: { ttl: Infinity } } },
      /^createServer: docket\.limits\.ttl is Infinity\. .+ '1h'\.$/,
    ],
    ['docket.limits', { docket: { limits: 5 } }, /^createServer: docket\.limits: .+\.$/],
    ['docket.limits.input', { docket: { limits: { input: '1MB' } } }, /^createServer: docket\.limits\.input: .+\.$/],
    ['docket.limits.result', { docket: { limits: { result: 0 } } }, /^createServer: docket\.limits\.result: .+\.$/],
    [
      'docket.limits.openTasks',
      { docket: { limits: { openTasks: Infinity } } },
      /^createServer: docket\.limits\.openTasks: .+\.$/,
    ],
    [
      'docket.limits.questions',
      { docket: { limits: { questions: 1.5 } } },
      /^createServer: docket\.limits\.questions: .+\.$/,
    ],
    [
      'an unknown one of docket.limits',
      { docket: { limits: { tasks: 1 } } },
      /^createServer: docket\.limits: .*"tasks".*\.$/,
    ],
    ['an unknown one', { timeOut: '1h' }, /^createServer: .*"timeOut".*\.$/],
    ['an unknown one of docket', { docket: { redis: true } }, /^createServer: docket: .*"redis".*\.$/],
  ])('%s: %j', (_option, wrong, sentence) => {
    const { code, message } = refused({ ...good, ...wrong });
    expect(code).toBe('OPTIONS_INVALID');
    expect(message).toMatch(sentence);
    expect(message).not.toContain('\n');
  });

  it.each([undefined, null, 'test', 5])('%p in place of the options', (options) => {
    const { code, message } = refused(options);
    expect(code).toBe('OPTIONS_INVALID');
    expect(message).toMatch(/^createServer: .+\.$/);
  });
});

describe('options that are not given', () => {
  it('have the documented defaults, durations in milliseconds', () => {
    const {
      clock,
      logger,
      meters: _meters,
      tracing: _tracing,
      strays: _strays,
      docketCa: _ca,
      ...rest
    } = resolveOptions(good, {});
    expect([typeof clock.now(), logger.constructor.name]).toEqual(['number', 'Logger']);
    expect(rest).toEqual({
      ...good,
      providers: [],
      slowReaders: { pending: 1_048_576, wait: 5_000 },
      tasks: 'forbidden',
      timeout: 3_600_000,
      questionDeadline: 3_600_000,
      questionPatience: 60_000,
      grace: 10_000,
      errors: 'mask',
      http: { bodyBudget: 64 * 2 ** 20, bodyTimeout: 30_000 },
      stdio: { maximumMessage: 10 * 2 ** 20 },
      onlyWorks: false,
      docket: {
        url: 'memory://',
        worker: true,
        concurrency: 10,
        headers: new Set(['traceparent', 'tracestate', 'accept-language', 'x-request-id']),
        ttl: 3_600_000,
        lease: 10_000,
        maxBlock: 60_000,
        limits: {
          openTasks: 1_000,
          share: 0.75,
          ttl: 86_400_000,
          input: 1_048_576,
          result: 10_485_760,
          questions: 100,
        },
      },
    });
  });

  it('come from the environment where there is a variable, which an option beats', () => {
    const environment = { ERRAND_DOCKET_URL: 'redis://x', ERRAND_DOCKET_NAME: 'y', ERRAND_WORKER_CONCURRENCY: '3' };
    expect(resolveOptions(good, environment).docket).toMatchObject({ url: 'redis://x', name: 'y', concurrency: 3 });
    const docket = { url: undefined, concurrency: 4 } as object;
    expect(resolveOptions({ ...good, docket }, environment).docket).toMatchObject({ url: 'redis://x', concurrency: 4 });
  });

  it('[D8] of lease, ttl, grace, limits and the name of the worker have variables too', () => {
    const { grace, docket } = resolveOptions(good, {
      ERRAND_GRACE: '2s',
      ERRAND_DOCKET_TTL: '5m',
      ERRAND_DOCKET_LEASE: '1500',
      ERRAND_DOCKET_LIMITS_OPEN_TASKS: '7',
      ERRAND_DOCKET_LIMITS_TTL: '1h',
      ERRAND_DOCKET_LIMITS_INPUT: '1024',
      ERRAND_DOCKET_LIMITS_RESULT: '2048',
      ERRAND_DOCKET_LIMITS_QUESTIONS: '3',
      ERRAND_WORKER_NAME: 'w1',
    });
    expect(grace).toBe(2_000);
    expect(docket).toMatchObject({ ttl: 300_000, lease: 1_500, workerName: 'w1' });
    expect(docket.limits).toEqual({
      openTasks: 7,
      ttl: 3_600_000,
      input: 1_024,
      result: 2_048,
      questions: 3,
      share: 0.75,
    });
    const given = { ...good, grace: '9s', docket: { ttl: 1, limits: { input: 5, result: undefined } } } as typeof good;
    const environment = {
      ERRAND_GRACE: '2s',
      ERRAND_DOCKET_TTL: '5m',
      ERRAND_DOCKET_LIMITS_INPUT: '9',
      ERRAND_DOCKET_LIMITS_RESULT: '8',
    };
    expect(resolveOptions(given, environment)).toMatchObject({
      grace: 9_000,
      docket: { ttl: 1, limits: { input: 5, result: 8 } },
    });
    expect(given).toEqual({ ...good, grace: '9s', docket: { ttl: 1, limits: { input: 5, result: undefined } } });
  });

  it.each([
    ['ERRAND_DOCKET_LEASE', 'soon', /environment variable ERRAND_DOCKET_LEASE is "soon"\. Give milliseconds/],
    [
      'ERRAND_DOCKET_LEASE',
      '500ms',
      /docket\.lease: give at least 1 second\. The environment sets ERRAND_DOCKET_LEASE\.$/,
    ],
    ['ERRAND_GRACE', '', /environment variable ERRAND_GRACE is ""\. Give milliseconds/],
    [
      'ERRAND_DOCKET_LIMITS_INPUT',
      '1MB',
      /docket\.limits\.input: .* The environment sets ERRAND_DOCKET_LIMITS_INPUT\.$/,
    ],
    ['ERRAND_WORKER_NAME', ' ', /docket\.workerName: .* The environment sets ERRAND_WORKER_NAME\.$/],
  ])('[D8] %s=%j is refused by its name', (variable, text, message) => {
    const error = refusalOf(() => resolveOptions(good, { [variable]: text }));
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) });
  });

  it.each(['', 'many', '0', '-1', '2.5'])(
    'are refused when the environment has ERRAND_WORKER_CONCURRENCY=%p',
    (wrong) => {
      expect(refusalOf(() => resolveOptions(good, { ERRAND_WORKER_CONCURRENCY: wrong })).message).toMatch(
        /^createServer: docket\.concurrency: .* The environment sets ERRAND_WORKER_CONCURRENCY\.$/,
      );
    },
  );
});

describe('encryption keys', () => {
  const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

  it('come from the options, or with commas between them from the environment', () => {
    const encryptionKeys = [one.toString('base64'), other.toString('hex')];
    expect(resolveOptions({ ...good, docket: { encryptionKeys } }, {}).docket.encryptionKeys).toEqual([one, other]);
    const environment = { ERRAND_DOCKET_ENCRYPTION_KEYS: encryptionKeys.join(', ') };
    expect(resolveOptions(good, environment).docket.encryptionKeys).toEqual([one, other]);
    expect(resolveOptions(good, {}).docket.encryptionKeys).toBeUndefined();
  });

  it.each([[[]], [['secret-passphrase']], [[one.toString('base64'), '']], ['secret-passphrase'], [[5]]])(
    'are refused without being shown: %j',
    (encryptionKeys) => {
      const { code, message } = refused({ ...good, docket: { encryptionKeys } });
      expect(code).toBe('OPTIONS_INVALID');
      expect(message).toMatch(/^createServer: docket\.encryptionKeys.*: .+\.$/);
      expect(message).not.toContain('secret');
    },
  );

  it('of the environment are refused by the name of the variable', () => {
    const { message } = refusalOf(() => resolveOptions(good, { ERRAND_DOCKET_ENCRYPTION_KEYS: 'secret' }));
    expect(message).toMatch(/32 bytes.* The environment sets ERRAND_DOCKET_ENCRYPTION_KEYS\.$/);
    expect(message).not.toContain('secret');
  });
});

describe('tasks', () => {
  it.each([
    [true, 'optional'],
    [false, 'forbidden'],
    ['optional', 'optional'],
    ['required', 'required'],
    ['forbidden', 'forbidden'],
  ] as const)('%p means %p', (tasks, mode) => {
    expect(resolveOptions({ ...good, tasks }, {}).tasks).toBe(mode);
  });
});

describe('createServer', () => {
  it('starts nothing, so that a server which is never connected need not be closed', async () => {
    let built = 0;
    class Warehouse {
      constructor() {
        built++;
      }
    }
    class Jobs {
      @job()
      run(warehouse: Warehouse) {
        return warehouse;
      }
    }
    const before = process.getActiveResourcesInfo().length;
    createServer({ ...good, components: [Jobs], providers: [Warehouse] });
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
    expect(built).toBe(0);
  });

  it('takes a class, a class with its lifetime, and a definition', () => {
    class One {
      @tool()
      one() {}
    }
    class Two {
      @tool()
      two() {}
    }
    class Three {
      @tool()
      three() {}
    }
    const components = [
      One,
      { component: Two },
      { component: Three, lifetime: 'singleton' as const },
      defineTool({ name: 'four', run: () => '' }),
    ];
    expect(refused({ ...good, components }).code).toBe('NOTHING');
  });
});
