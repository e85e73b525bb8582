import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, inShort, type Stage } from './stage.js';

/** A place that wants to show questions, with what it was told. */
interface Screen {
  readonly place: string;
  readonly told: string[];
  show(question?: string, waits?: boolean | 'not any more'): Promise<string>;
  /** The client there says that it has the question. */
  receive(): Promise<void>;
  giveUp(question?: string): Promise<void>;
}

export function showingsContract(stage: () => Stage): void {
  describe('showings', () => {
    function screen(session: string): Screen {
      const { engine } = stage();
      const place = engine.newConnectionId();
      const told: string[] = [];
      engine.questionLeases.attend(place, {
        onLost: (key, question, by) => told.push(`taken ${key} ${question} ${by}`),
        onAvailable: (key, question) => told.push(`free ${key} ${question}`),
      });
      return {
        place,
        told,
        show: async (question = 'q', waits = false) => {
          const rests = waits === 'not any more';
          const by = { place, session, waits: waits === true, ...(rests && { rests }) };
          const { granted, again, kept } = await engine.questionLeases.acquire('a', question, by);
          if (!granted) return 'refused';
          return `${again ? 'again' : 'granted'}${kept === undefined ? '' : `, kept ${kept < 1_000 ? 'now' : 'for long'}`}`;
        },
        receive: () => engine.questionLeases.received('a', 'q', session),
        giveUp: (question = 'q') => engine.questionLeases.release('a', question, place),
      };
    }

    async function ask(): Promise<void> {
      const worker = stage().work();
      const { run } = await stage().begin('a', worker);
      await stage().engine.ask('a', run, aQuestion('q'));
    }

    it('of one question are at one place at a time; whoever shows it may say so again', async () => {
      await ask();
      const [one, other] = [screen('s1'), screen('s2')];
      expect(await one.show()).toBe('granted');
      expect(await one.show()).toBe('granted');
      expect(await other.show()).toBe('refused');
      await stage().quiet();
      expect([one.told, other.told]).toEqual([[], []]);
    });

    it('end when the place gives up, of which the watchers of an open question are told', async () => {
      await ask();
      const [one, other] = [screen('s1'), screen('s2')];
      const events = await stage().watch({ key: 'a' });
      await one.show();
      await other.giveUp();
      expect(await other.show()).toBe('refused');
      await one.giveUp();
      await one.giveUp();
      await eventually(() => expect(inShort(events)).toEqual(['question q']));
      expect(await other.show()).toBe('granted');
      await stage().engine.answer('a', 'q', { result: 1 });
      await other.giveUp();
      await stage().quiet();
      expect(inShort(events)).toEqual(['question q', 'closed q', 'state running']);
    });

    it('pass to a place where somebody waits, from a session in which nobody does; never the other way round', async () => {
      await ask();
      const [passive, waiting, second] = [screen('s1'), screen('s2'), screen('s3')];
      await passive.show();
      expect(await waiting.show('q', true)).toBe('granted');
      await eventually(() => expect(passive.told).toEqual(['taken a q s2']));
      expect(await passive.show()).toBe('refused');
      expect(await second.show('q', true)).toBe('refused');
      // Nobody waits there any more.
      await waiting.show('q', false);
      expect(await second.show('q', true)).toBe('granted');
      await eventually(() => expect(waiting.told).toEqual(['taken a q s3']));
    });

    it('pass to the later of two places of one session, whose client may still show the question', async () => {
      await ask();
      const [early, late] = [screen('s'), screen('s')];
      expect(await early.show()).toBe('granted');
      expect(await late.show('q', true)).toBe('refused');
      expect(await late.show()).toBe('again');
      await eventually(() => expect(early.told).toEqual(['taken a q s']));
      await late.giveUp();
      expect(await early.show()).toBe('again');
      await early.giveUp();
      expect(await screen('another').show()).toBe('granted');
    });

    it('are kept by a client that has the question and gave up waiting, and asks again, here or at another place [A1]', async () => {
      await ask();
      const [here, there, standalone] = [screen('s'), screen('s'), screen('s')];
      expect(await here.show('q', true)).toBe('granted');
      // It has not said yet that it has it.
      expect(await here.show('q', 'not any more')).toBe('granted');
      expect(await here.show('q', true)).toBe('granted');
      await here.receive();
      expect(await here.show('q', 'not any more')).toBe('granted, kept now');
      await stage().pass(1_100);
      expect(await standalone.show()).toBe('refused');
      expect(await here.show('q', true)).toBe('granted, kept for long');
      expect(await here.show('q', true)).toBe('granted, kept now');
      // The request for the result is repeated at another node before this one hears that it was given up.
      expect(await there.show('q', true)).toBe('again, kept now');
      await eventually(() => expect(here.told).toEqual(['taken a q s']));
      expect(await there.show('q', 'not any more')).toBe('granted, kept now');
      expect(await here.show('q', true)).toBe('again, kept now');
    });

    it('are not kept by a place that gave them up, nor by another session [A1]', async () => {
      await ask();
      const [one, other] = [screen('s1'), screen('s2')];
      await one.show('q', true);
      await one.receive();
      await one.giveUp();
      await one.receive();
      expect(await one.show('q', true)).not.toContain('kept');
      await other.receive();
      expect(await one.show('q', 'not any more')).toBe('granted');
      await one.receive();
      expect(await other.show('q', true)).toBe('granted');
      await one.receive();
      expect(await other.show('q', 'not any more')).toBe('granted');
    });

    it('let the sessions answer to which the question was shown, and no other [A1]', async () => {
      await ask();
      const answer = (session: string): Promise<string> =>
        stage().engine.answer('a', 'q', { result: session }, session);
      expect(await answer('s1')).toBe('unknown');
      const first = screen('s1');
      await first.show();
      expect(await answer('s')).toBe('unknown');
      expect(await answer('1')).toBe('unknown');
      // Refused, so that its client never saw it.
      await screen('refused').show();
      expect(await answer('refused')).toBe('unknown');
      await first.giveUp();
      for (let session = 2; session <= 17; session++) {
        const next = screen(`s${session}`);
        await next.show();
        await next.giveUp();
      }
      expect(await answer('s1')).toBe('unknown');
      expect(await answer('s2')).toBe('accepted');
      expect(await answer('s17')).toBe('answered');
    });

    it('are refused for what needs no answer', async () => {
      await ask();
      const one = screen('s1');
      expect(await one.show('unknown')).toBe('refused');
      await stage().engine.answer('a', 'q', { result: 1 });
      expect(await one.show()).toBe('refused');
      await stage().engine.cancel('a');
      expect(await one.show()).toBe('refused');
      await one.giveUp();
      const nowhere = { place: one.place, session: 's', waits: true };
      expect(await stage().engine.questionLeases.acquire('nobody', 'q', nowhere)).toEqual({
        granted: false,
        again: false,
      });
    });
  });
}
