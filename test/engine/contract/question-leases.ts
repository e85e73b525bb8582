import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, inShort, type Stage } from './stage.js';

/** A connection that shows questions, with the callbacks it received. */
interface Holder {
  readonly connection: string;
  readonly heard: string[];
  acquire(question?: string, waits?: boolean | 'not any more'): Promise<string>;
  /** Its client acknowledges the question. */
  receive(): Promise<void>;
  release(question?: string): Promise<void>;
}

export function questionLeasesContract(stage: () => Stage): void {
  describe('question leases', () => {
    function holder(session: string): Holder {
      const { engine } = stage();
      const connection = engine.newConnectionId();
      const heard: string[] = [];
      engine.questionLeases.attend(connection, {
        onLost: (key, question, by) => heard.push(`lost ${key} ${question} ${by}`),
        onAvailable: (key, question) => heard.push(`available ${key} ${question}`),
      });
      return {
        connection,
        heard,
        acquire: async (question = 'q', waits = false) => {
          const rests = waits === 'not any more';
          const by = { connection, session, waits: waits === true, ...(rests && { rests }) };
          const { granted, again, kept } = await engine.questionLeases.acquire('a', question, by);
          if (!granted) return 'refused';
          return `${again ? 'again' : 'granted'}${kept === undefined ? '' : `, kept ${kept < 1_000 ? 'now' : 'for long'}`}`;
        },
        receive: () => engine.questionLeases.acknowledge('a', 'q', session),
        release: (question = 'q') => engine.questionLeases.release('a', question, connection),
      };
    }

    async function ask(): Promise<void> {
      const worker = stage().work();
      const { run } = await stage().begin('a', worker);
      await stage().engine.ask('a', run, aQuestion('q'));
    }

    it('of one question have one holder at a time, which may renew them', async () => {
      await ask();
      const [one, other] = [holder('s1'), holder('s2')];
      expect(await one.acquire()).toBe('granted');
      expect(await one.acquire()).toBe('granted');
      expect(await other.acquire()).toBe('refused');
      await stage().quiet();
      expect([one.heard, other.heard]).toEqual([[], []]);
    });

    it('end when they are released, which the watchers of an open question learn', async () => {
      await ask();
      const [one, other] = [holder('s1'), holder('s2')];
      const events = await stage().watch({ key: 'a' });
      await one.acquire();
      await other.release();
      expect(await other.acquire()).toBe('refused');
      await one.release();
      await one.release();
      await eventually(() => expect(inShort(events)).toEqual(['question q']));
      expect(await other.acquire()).toBe('granted');
      await stage().engine.answer('a', 'q', { result: 1 });
      await other.release();
      await stage().quiet();
      expect(inShort(events)).toEqual(['question q', 'closed q', 'state running']);
    });

    it('pass to a connection with a waiting request from a session without one, never the other way round', async () => {
      await ask();
      const [passive, waiting, second] = [holder('s1'), holder('s2'), holder('s3')];
      await passive.acquire();
      expect(await waiting.acquire('q', true)).toBe('granted');
      await eventually(() => expect(passive.heard).toEqual(['lost a q s2']));
      expect(await passive.acquire()).toBe('refused');
      expect(await second.acquire('q', true)).toBe('refused');
      // No request waits there any more.
      await waiting.acquire('q', false);
      expect(await second.acquire('q', true)).toBe('granted');
      await eventually(() => expect(waiting.heard).toEqual(['lost a q s3']));
    });

    it('pass to the later of two connections of one session, whose client may still show the question', async () => {
      await ask();
      const [early, late] = [holder('s'), holder('s')];
      expect(await early.acquire()).toBe('granted');
      expect(await late.acquire('q', true)).toBe('refused');
      expect(await late.acquire()).toBe('again');
      await eventually(() => expect(early.heard).toEqual(['lost a q s']));
      await late.release();
      expect(await early.acquire()).toBe('again');
      await early.release();
      expect(await holder('another').acquire()).toBe('granted');
    });

    it('are kept by a client that has acknowledged the question, gave up waiting and asks again, on this or another connection [A1]', async () => {
      await ask();
      const [here, there, standalone] = [holder('s'), holder('s'), holder('s')];
      expect(await here.acquire('q', true)).toBe('granted');
      // The client has not acknowledged it yet.
      expect(await here.acquire('q', 'not any more')).toBe('granted');
      expect(await here.acquire('q', true)).toBe('granted');
      await here.receive();
      expect(await here.acquire('q', 'not any more')).toBe('granted, kept now');
      await stage().pass(1_100);
      expect(await standalone.acquire()).toBe('refused');
      expect(await here.acquire('q', true)).toBe('granted, kept for long');
      expect(await here.acquire('q', true)).toBe('granted, kept now');
      // The request for the result is repeated at another node before this one learns that it was given up.
      expect(await there.acquire('q', true)).toBe('again, kept now');
      await eventually(() => expect(here.heard).toEqual(['lost a q s']));
      expect(await there.acquire('q', 'not any more')).toBe('granted, kept now');
      expect(await here.acquire('q', true)).toBe('again, kept now');
    });

    it('are not kept by a connection that released them, nor by another session [A1]', async () => {
      await ask();
      const [one, other] = [holder('s1'), holder('s2')];
      await one.acquire('q', true);
      await one.receive();
      await one.release();
      await one.receive();
      expect(await one.acquire('q', true)).not.toContain('kept');
      await other.receive();
      expect(await one.acquire('q', 'not any more')).toBe('granted');
      await one.receive();
      expect(await other.acquire('q', true)).toBe('granted');
      await one.receive();
      expect(await other.acquire('q', 'not any more')).toBe('granted');
    });

    it('let only sessions answer that were shown the question [A1]', async () => {
      await ask();
      const answer = (session: string): Promise<string> =>
        stage().engine.answer('a', 'q', { result: session }, { session });
      expect(await answer('s1')).toBe('unknown');
      const first = holder('s1');
      await first.acquire();
      expect(await answer('s')).toBe('unknown');
      expect(await answer('1')).toBe('unknown');
      // Refused, so its client never saw it.
      await holder('refused').acquire();
      expect(await answer('refused')).toBe('unknown');
      await first.release();
      for (let session = 2; session <= 17; session++) {
        const next = holder(`s${session}`);
        await next.acquire();
        await next.release();
      }
      expect(await answer('s1')).toBe('unknown');
      expect(await answer('s2')).toBe('accepted');
      expect(await answer('s17')).toBe('answered');
    });

    it('are refused for a question that needs no answer', async () => {
      await ask();
      const one = holder('s1');
      expect(await one.acquire('unknown')).toBe('refused');
      await stage().engine.answer('a', 'q', { result: 1 });
      expect(await one.acquire()).toBe('refused');
      await stage().engine.cancel('a');
      expect(await one.acquire()).toBe('refused');
      await one.release();
      const nowhere = { connection: one.connection, session: 's', waits: true };
      expect(await stage().engine.questionLeases.acquire('nobody', 'q', nowhere)).toEqual({
        granted: false,
        again: false,
      });
    });
  });
}
