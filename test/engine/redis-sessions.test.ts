import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/base/clock.js';
import { Logger } from '../../src/base/logger.js';
import { SharedSession } from '../../src/bindings/mcp-2025-11-25/http/shared-session.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';

let docket: TestDocket;
let heard: string[];
beforeEach(async () => {
  heard = [];
  docket = await TestDocket.alone();
});
afterEach(() => docket.dispose());

/** A place of an engine where a session has a stream, which serves it. */
async function placeOf(engine: RedisEngine): Promise<SharedSession> {
  const session = new SharedSession(
    engine,
    's',
    engine.newConnectionId(),
    60_000,
    systemClock,
    new Logger(() => undefined),
    {
      hasStream: true,
      onEnded: () => undefined,
      onChanged: () => undefined,
      onMessage: () => void heard.push('message'),
      onHolderChanged: () => undefined,
      catchUp: () => Promise.resolve(),
    },
  );
  await session.join();
  return session;
}

/** Breaks the connections on which processes hear of others: for a moment they are told nothing. */
async function deafen(): Promise<void> {
  const clients = String(await docket.redis.call('CLIENT', 'LIST')).split('\n');
  const ids = clients.filter((line) => line.includes('cmd=xread')).map((line) => /\bid=(\d+)/.exec(line)![1]!);
  for (const id of ids) await docket.redis.call('CLIENT', 'KILL', 'ID', id);
}

describe('two processes where streams of one session open', () => {
  it('agree on which has the last, also when one is told of the other late', async () => {
    const engines = [docket.engine(), docket.engine()] as const;
    await Promise.all(engines.map((engine) => engine.start()));
    const [one, other] = (await Promise.all(engines.map(placeOf))) as [SharedSession, SharedSession];
    await one.save('anna', { initialize: {} });
    await deafen();
    await one.holdStream();
    await other.holdStream();
    expect(other.holder).toBe('here');
    await eventually(() => expect(one.holder).toBe('elsewhere'));
    // What the one told comes late to the other, and is no news any more.
    await engines[0].sessions.publish('s', engines[0].newConnectionId(), {});
    await eventually(() => expect(heard).toHaveLength(2));
    expect(other.holder).toBe('here');
    await Promise.all([one.stop(), other.stop()]);
  });
});
