import { describe, expect, it } from '@jest/globals';
import type { SessionNews } from '../../../src/docket/engine/sessions.js';
import { eventually } from '../../helpers/eventually.js';
import type { Stage } from './stage.js';

const minute = 60_000;
const anna = { owner: 'anna', client: { initialize: { protocolVersion: '2025-11-25', empty: [], none: {} } } };

export function sessionsContract(stage: () => Stage): void {
  describe('sessions', () => {
    /** A connection that serves a session, with the news it received. */
    async function serve(session: string): Promise<{ connection: string; news: SessionNews[]; stop: () => void }> {
      const { engine } = stage();
      const connection = engine.newConnectionId();
      const news: SessionNews[] = [];
      const stop = await engine.sessions.serve(session, connection, (each) => news.push(each));
      return { connection, news, stop };
    }

    it('are found with their data until they are ended', async () => {
      const { sessions } = stage().engine;
      expect(await sessions.find('s')).toBeUndefined();
      await sessions.save('s', stage().engine.newConnectionId(), anna, minute);
      expect(await sessions.find('s')).toEqual(anna);
      await sessions.end('s');
      expect(await sessions.find('s')).toBeUndefined();
      await sessions.end('s');
    });

    it('expire if no connection keeps them', async () => {
      const { sessions } = stage().engine;
      const { connection } = await serve('s');
      await sessions.save('s', connection, anna, 300);
      expect(await sessions.keep('s', connection, 5_000)).toBe(true);
      await stage().pass(700);
      expect(await sessions.find('s')).toEqual(anna);
      expect(await sessions.keep('s', connection, 100)).toBe(true);
      await stage().pass(200);
      expect(await sessions.find('s')).toBeUndefined();
      expect(await sessions.keep('s', connection, minute)).toBe(false);
    });

    it('are ended by the connection that used them last, and by no other, if asked so', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      await sessions.save('s', one.connection, anna, minute);
      await sessions.keep('s', other.connection, minute);
      await sessions.end('s', one.connection);
      expect(await sessions.find('s')).toEqual(anna);
      await sessions.end('s', other.connection);
      expect(await sessions.find('s')).toBeUndefined();
    });

    it('report their end to all connections, and changes and messages to the others', async () => {
      const { sessions } = stage().engine;
      const [one, other, stranger] = [await serve('s'), await serve('s'), await serve('another')];
      await sessions.save('s', one.connection, anna, minute);
      await sessions.publish('s', one.connection, { method: 'x', params: [] });
      await sessions.change('s', other.connection, { level: 'error' });
      expect(await sessions.find('s')).toEqual({ owner: 'anna', client: { level: 'error' } });
      await sessions.end('s');
      await eventually(() => {
        expect(one.news).toEqual([{ type: 'changed', client: { level: 'error' } }, { type: 'ended' }]);
        expect(other.news).toEqual([{ type: 'message', message: { method: 'x', params: [] } }, { type: 'ended' }]);
      });
      expect(stranger.news).toEqual([]);
      await sessions.change('s', one.connection, {});
      expect(await sessions.find('s')).toBeUndefined();
    });

    it('report nothing to a connection that has stopped serving', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      one.stop();
      one.stop();
      await sessions.publish('s', stage().engine.newConnectionId(), 'hello');
      await eventually(() => expect(other.news).toHaveLength(1));
      expect(one.news).toEqual([]);
    });

    it('are held by the latest holder; newcomers learn of it, and an earlier one that leaves changes nothing', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      await sessions.save('s', one.connection, anna, minute);
      await sessions.hold('s', one.connection);
      expect(one.news).toEqual([{ type: 'held', connection: one.connection }]);
      await sessions.hold('s', other.connection);
      expect(other.news.at(-1)).toEqual({ type: 'held', connection: other.connection });
      await sessions.release('s', one.connection);
      const late = await serve('s');
      await sessions.release('s', other.connection);
      await eventually(() => {
        expect(one.news).toEqual([
          { type: 'held', connection: one.connection },
          { type: 'held', connection: other.connection },
          { type: 'held', connection: undefined },
        ]);
        expect(other.news).toEqual([
          { type: 'held', connection: one.connection },
          { type: 'held', connection: other.connection },
        ]);
        expect(late.news).toEqual([
          { type: 'held', connection: other.connection },
          { type: 'held', connection: undefined },
        ]);
      });
    });

    it('know their open tasks, and those that ended while no connection held them', async () => {
      const { engine } = stage();
      const { connection } = await serve('s');
      await engine.sessions.save('s', connection, anna, minute);
      const worker = stage().work(5);
      const end = async (key: string): Promise<void> => {
        await worker.finish(await stage().begin(key, worker, { session: 's' }));
      };
      await stage().begin('open', worker, { session: 's' });
      await stage().begin('of another', worker, { session: 'another' });
      // Before there is a holder, nothing is missed.
      await end('before');
      expect(await engine.sessions.hold('s', connection)).toEqual(['open']);
      await end('told');
      await engine.sessions.release('s', connection);
      await end('missed');
      await engine.cancel('open');
      expect(await engine.sessions.openTasks('s')).toEqual([]);
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual(['missed', 'open']);
      expect(await engine.sessions.hold('s', connection)).toEqual([]);
      expect(await engine.sessions.openTasks('another')).toEqual(['of another']);
    });

    it('that are not stored can be held all the same', async () => {
      const { engine } = stage();
      await stage().add('a', { session: 's' });
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual(['a']);
      await engine.cancel('a');
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual([]);
    });
  });
}
