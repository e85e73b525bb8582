import { expect, it } from '@jest/globals';
import { Logger } from '../../../src/base/logger.js';
import { TroubleLog } from '../../../src/server/trouble-log.js';
import { FakeClock } from '../../helpers/fake-clock.js';

it('the same trouble is told once a minute, and its end once', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = new TroubleLog(
    new Logger((level, message, { error }) =>
      lines.push(error instanceof Error ? error.message : `${level}: ${message}`),
    ),
    clock,
  );
  const said = (): string[] => lines.splice(0);
  log.reconnected();
  log.failed(new Error('refused'));
  log.failed(new Error('refused'));
  log.failed(new Error('closed'));
  expect(said()).toEqual(['refused', 'closed']);
  await clock.advance(59_999);
  log.failed(new Error('refused'));
  expect(said()).toEqual([]);
  await clock.advance(1);
  log.failed(new Error('refused'));
  log.failed(new Error('refused'));
  expect(said()).toEqual(['refused']);
  log.reconnected();
  log.reconnected();
  expect(said()).toEqual(['info: The Redis of the docket can be reached again']);
  log.failed(new Error('refused'));
  expect(said()).toEqual(['refused']);
});

it('an outage is one trouble, in however many words', async () => {
  const lines: string[] = [];
  const log = new TroubleLog(new Logger((_level, message) => lines.push(message)), new FakeClock());
  for (const message of [
    'connect ECONNREFUSED 127.0.0.1:6379',
    'Connection is closed.',
    'Command timed out',
    'Reached the max retries per request limit (which is 1).',
    'read ECONNRESET',
    'LOADING Redis is loading the dataset in memory',
  ]) {
    log.failed(new Error(message));
  }
  expect(lines).toEqual(['The docket on Redis has trouble']);
  log.failed(new Error('OOM command not allowed'));
  expect(lines).toHaveLength(2);
});
