import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger, stderrSink, type LogFields } from '../../../src/base/logger.js';
import { eventually } from '../../helpers/eventually.js';

describe('Logger', () => {
  it('passes level, message and fields to its sink; a child adds its own', () => {
    const lines: unknown[] = [];
    const logger = new Logger((...line) => lines.push(line), { server: 's' });
    const child = logger.child({ call: 1 });
    logger.debug('a');
    child.info('b', { x: 1 });
    child.warning('c', { call: 2 });
    child.child({ call: 3 }).error('d');
    expect(lines).toEqual([
      ['debug', 'a', { server: 's' }],
      ['info', 'b', { server: 's', call: 1, x: 1 }],
      ['warning', 'c', { server: 's', call: 2 }],
      ['error', 'd', { server: 's', call: 3 }],
    ]);
  });
});

describe('the sink for stderr', () => {
  let written: string[];
  let stdout: jest.SpiedFunction<typeof process.stdout.write>;

  beforeEach(() => {
    written = [];
    stdout = jest.spyOn(process.stdout, 'write');
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
  });

  afterEach(() => {
    expect(stdout).not.toHaveBeenCalled();
    jest.restoreAllMocks();
  });

  const lines = (): LogFields[] => written.map((line) => JSON.parse(line) as LogFields);

  it('writes one line of JSON for each message at or above its level', () => {
    const logger = new Logger(stderrSink('warning'));
    logger.debug('a');
    logger.info('b');
    logger.warning('c\nd', { x: 1 });
    logger.error('e');
    expect(written.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(lines()).toEqual([
      { time: expect.stringMatching(/^\d{4}-.+Z$/), level: 'warning', message: 'c\nd', x: 1 },
      { time: expect.any(String), level: 'error', message: 'e' },
    ]);
  });

  it('starts at info by default', () => {
    const logger = new Logger();
    logger.debug('a');
    logger.info('b');
    expect(lines().map(({ message }) => message)).toEqual(['b']);
  });

  it('prints errors with their causes, and aggregates with their members', () => {
    const cause = new TypeError('inner');
    const error = Object.assign(new Error('outer', { cause }), { code: 'E_CODE' });
    new Logger().error('failed', { error, all: new AggregateError([new Error('one')], 'many') });
    expect(lines()[0]).toMatchObject({
      error: { name: 'Error', message: 'outer', code: 'E_CODE', cause: { name: 'TypeError', message: 'inner' } },
      all: { message: 'many', errors: [{ message: 'one' }] },
    });
    expect((lines()[0]!.error as Error).stack).toContain('logger.test');
  });

  it('prints what JSON cannot hold, and cuts circular references', () => {
    const circle: Record<string, unknown> = { big: 10n };
    circle.self = circle;
    const error = new Error('x');
    error.cause = error;
    new Logger().info('odd', { circle, error });
    expect(lines()[0]).toMatchObject({ circle: { big: '10', self: '[seen above]' }, error: { cause: '[seen above]' } });
  });

  it('prints a shared object everywhere it occurs', () => {
    const shared = { a: 1 };
    const error = new Error('x', { cause: shared });
    new Logger().info('shared', { one: shared, two: shared, error, again: error });
    const described = { message: 'x', cause: { a: 1 } };
    expect(lines()[0]).toMatchObject({ one: { a: 1 }, two: { a: 1 }, error: described, again: described });
  });

  it('prints nothing from an error that may be secret', () => {
    const config = { headers: { authorization: 'Bearer SECRET' } };
    const plain = Object.assign(new Error('401'), { config, code: config, disposalError: new Error('stays') });
    const axios = Object.assign(new Error('402'), { code: 402, toJSON: () => ({ config }) });
    new Logger().error('failed', { plain, axios });
    expect(written.join()).not.toContain('SECRET');
    expect(lines()[0]).toMatchObject({
      plain: { message: '401', disposalError: { message: 'stays' } },
      axios: { message: '402', code: 402 },
    });
  });

  it('cuts a circular reference through a toJSON', () => {
    const odd = { toJSON: () => ({ odd }) };
    new Logger().info('odd', { odd });
    expect(lines()[0]).toMatchObject({ odd: { odd: '[seen above]' } });
  });

  it('prints the message even when the fields cannot be printed', () => {
    const hostile = {
      get x() {
        throw new Error('no');
      },
    };
    new Logger().info('still there', { hostile });
    expect(lines()[0]).toMatchObject({ level: 'info', message: 'still there' });
  });

  it('survives errors of another sink', () => {
    const logger = new Logger(() => {
      throw new Error('disk full');
    });
    logger.info('lost');
    expect(lines()[0]).toMatchObject({ level: 'error', lost: 'lost', error: { message: 'disk full' } });
  });

  it('survives rejections of another sink [A3]', async () => {
    const full = (): unknown => Promise.reject(new Error('disk full'));
    new Logger(full).info('lost');
    await eventually(() =>
      expect(lines()[0]).toMatchObject({ level: 'error', lost: 'lost', error: { message: 'disk full' } }),
    );
  });

  it('lets no field hide level, message or time', () => {
    new Logger().info('true', { level: 'debug', message: 'false', time: 0 });
    expect(lines()[0]).toMatchObject({ level: 'info', message: 'true', time: expect.any(String) });
  });
});
