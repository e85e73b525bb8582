import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, inShort, type Stage } from './stage.js';

/** A place that wants to show questions, with what it was told. */
interface Screen {
  readonly place: string;
  readonly told: string[];
  show(question?: string, waits?: boolean): Promise<string>;
  giveUp(question?: string): Promise<void>;
}

export function showingsContract(stage: () => Stage): void {
  describe('showings', () => {
    function screen(session: string): Screen {
      const { engine } = stage();
      const place = engine.newPlace();
      const told: string[] = [];
      engine.showings.attend(place, {
        taken: (key, question, by) => told.push(`taken ${key} ${question} ${by}`),
        free: (key, question) => told.push(`free ${key} ${question}`),
      });
      return {
        place,
        told,
        show: async (question = 'q', waits = false) => {
          const verdict = await engine.showings.show('a', question, { place, session, waits });
          return verdict.granted ? (verdict.again ? 'again' : 'granted') : 'refused';
        },
        giveUp: (question = 'q') => engine.showings.giveUp('a', question, place),
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
      expect(await stage().engine.showings.show('nobody', 'q', nowhere)).toEqual({ granted: false, again: false });
    });
  });
}
