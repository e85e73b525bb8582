import { describe, expect, it } from '@jest/globals';
import type { SessionNews } from '../../../src/docket/engine/sessions.js';
import { eventually } from '../../helpers/eventually.js';
import type { Stage } from './stage.js';

const minute = 60_000;
const anna = { owner: 'anna', client: { initialize: { protocolVersion: '2025-11-25', empty: [], none: {} } } };

export function sessionsContract(stage: () => Stage): void {
  describe('sessions', () => {
    /** A place that serves a session, with what it was told. */
    async function serve(session: string): Promise<{ place: string; news: SessionNews[]; stop: () => void }> {
      const { engine } = stage();
      const place = engine.newConnectionId();
      const news: SessionNews[] = [];
      const stop = await engine.sessions.serve(session, place, (each) => news.push(each));
      return { place, news, stop };
    }

    it('are found with what was kept, until they are ended', async () => {
      const { sessions } = stage().engine;
      expect(await sessions.find('s')).toBeUndefined();
      await sessions.save('s', stage().engine.newConnectionId(), anna, minute);
      expect(await sessions.find('s')).toEqual(anna);
      await sessions.end('s');
      expect(await sessions.find('s')).toBeUndefined();
      await sessions.end('s');
    });

    it('expire when nobody says that they are in use', async () => {
      const { sessions } = stage().engine;
      const { place } = await serve('s');
      await sessions.save('s', place, anna, 300);
      expect(await sessions.keep('s', place, 5_000)).toBe(true);
      await stage().pass(700);
      expect(await sessions.find('s')).toEqual(anna);
      expect(await sessions.keep('s', place, 100)).toBe(true);
      await stage().pass(200);
      expect(await sessions.find('s')).toBeUndefined();
      expect(await sessions.keep('s', place, minute)).toBe(false);
    });

    it('are ended by a place that has no more use for them only where no other has', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      await sessions.save('s', one.place, anna, minute);
      await sessions.keep('s', other.place, minute);
      await sessions.end('s', one.place);
      expect(await sessions.find('s')).toEqual(anna);
      await sessions.end('s', other.place);
      expect(await sessions.find('s')).toBeUndefined();
    });

    it('tell all places of their end, and the others of what one changes or tells', async () => {
      const { sessions } = stage().engine;
      const [one, other, stranger] = [await serve('s'), await serve('s'), await serve('another')];
      await sessions.save('s', one.place, anna, minute);
      await sessions.tell('s', one.place, { method: 'x', params: [] });
      await sessions.change('s', other.place, { level: 'error' });
      expect(await sessions.find('s')).toEqual({ owner: 'anna', client: { level: 'error' } });
      await sessions.end('s');
      await eventually(() => {
        expect(one.news).toEqual([{ type: 'changed', client: { level: 'error' } }, { type: 'ended' }]);
        expect(other.news).toEqual([{ type: 'message', message: { method: 'x', params: [] } }, { type: 'ended' }]);
      });
      expect(stranger.news).toEqual([]);
      await sessions.change('s', one.place, {});
      expect(await sessions.find('s')).toBeUndefined();
    });

    it('tell nothing to a place that stopped serving', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      one.stop();
      one.stop();
      await sessions.tell('s', stage().engine.newConnectionId(), 'hello');
      await eventually(() => expect(other.news).toHaveLength(1));
      expect(one.news).toEqual([]);
    });

    it('are held by the place that wished so last; who comes later is told, and who leaves too late changes nothing', async () => {
      const { sessions } = stage().engine;
      const [one, other] = [await serve('s'), await serve('s')];
      await sessions.save('s', one.place, anna, minute);
      await sessions.hold('s', one.place);
      expect(one.news).toEqual([{ type: 'held', place: one.place }]);
      await sessions.hold('s', other.place);
      expect(other.news.at(-1)).toEqual({ type: 'held', place: other.place });
      await sessions.leave('s', one.place);
      const late = await serve('s');
      await sessions.leave('s', other.place);
      await eventually(() => {
        expect(one.news).toEqual([
          { type: 'held', place: one.place },
          { type: 'held', place: other.place },
          { type: 'held', place: undefined },
        ]);
        expect(other.news).toEqual([
          { type: 'held', place: one.place },
          { type: 'held', place: other.place },
        ]);
        expect(late.news).toEqual([
          { type: 'held', place: other.place },
          { type: 'held', place: undefined },
        ]);
      });
    });

    it('know their open tasks, and those that ended while no place held them', async () => {
      const { engine } = stage();
      const { place } = await serve('s');
      await engine.sessions.save('s', place, anna, minute);
      const worker = stage().work(5);
      const end = async (key: string): Promise<void> => {
        await worker.finish(await stage().begin(key, worker, { session: 's' }));
      };
      await stage().begin('open', worker, { session: 's' });
      await stage().begin('of another', worker, { session: 'another' });
      // As long as there was no such place, nobody waits for news.
      await end('before');
      expect(await engine.sessions.hold('s', place)).toEqual(['open']);
      await end('told');
      await engine.sessions.leave('s', place);
      await end('missed');
      await engine.cancel('open');
      expect(await engine.sessions.openTasks('s')).toEqual([]);
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual(['missed', 'open']);
      expect(await engine.sessions.hold('s', place)).toEqual([]);
      expect(await engine.sessions.openTasks('another')).toEqual(['of another']);
    });

    it('that are not kept can be held all the same', async () => {
      const { engine } = stage();
      await stage().add('a', { session: 's' });
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual(['a']);
      await engine.cancel('a');
      expect(await engine.sessions.hold('s', engine.newConnectionId())).toEqual([]);
    });
  });
}
