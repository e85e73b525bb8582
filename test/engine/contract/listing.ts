import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { anExecution, noTexts, type Stage } from './stage.js';

export function listingContract(stage: () => Stage): void {
  const names = (count: number, prefix = 'k'): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}`);

  async function allPages(limit: number, owner = 'anna'): Promise<string[][]> {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await stage().engine.list({ owner, limit, ...(cursor !== undefined && { cursor }) });
      pages.push(page.records.map((record) => record.key));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return pages;
  }

  describe('list', () => {
    it('returns the records of one owner, the newest first', async () => {
      for (const key of names(3)) await stage().add(key);
      await stage().add('other', { owner: 'ben' });
      const { session: _none, ...withoutClient } = anExecution('of the program');
      await stage().engine.add(withoutClient);
      const page = await stage().engine.list({ owner: 'anna', limit: 10 });
      expect(page.records.map((record) => record.key)).toEqual(['k2', 'k1', 'k0']);
      expect(page.records[0]).toEqual(await stage().record('k2'));
      expect(page.nextCursor).toBeUndefined();
      expect(await stage().engine.list({ owner: 'nobody', limit: 10 })).toEqual({ records: [] });
    });

    it('returns pages of at most the limit, and a cursor only if more follow', async () => {
      for (const key of names(6)) await stage().add(key);
      expect(await allPages(4)).toEqual([
        ['k5', 'k4', 'k3', 'k2'],
        ['k1', 'k0'],
      ]);
      expect(await allPages(3)).toEqual([
        ['k5', 'k4', 'k3'],
        ['k2', 'k1', 'k0'],
      ]);
      expect(await allPages(1)).toEqual([['k5'], ['k4'], ['k3'], ['k2'], ['k1'], ['k0']]);
    });

    it('continues correctly when records come and expire in between', async () => {
      const keys = names(300);
      for (const key of keys) await stage().add(key, { ttl: 100 });
      const first = await stage().engine.list({ owner: 'anna', limit: 10 });
      expect(first.records.map((record) => record.key)).toEqual(keys.slice(290).reverse());
      // Removes the one that the cursor points at, its neighbours and many more; and adds new ones at the front.
      const expired = [290, 289, 291, 288, ...Array.from({ length: 200 }, (_, index) => index + 50)];
      for (const index of expired) await stage().engine.cancel(`k${index}`);
      await stage().pass(150);
      await eventually(async () => expect(await stage().engine.get('k249')).toBeUndefined());
      for (const key of names(5, 'new')) await stage().add(key);
      const second = await stage().engine.list({ owner: 'anna', limit: 10, cursor: first.nextCursor! });
      expect(second.records.map((record) => record.key)).toEqual(keys.slice(278, 288).reverse());
      const all = (await allPages(7)).flat();
      const left = keys.filter((_, index) => !expired.includes(index));
      expect(all).toEqual([...left, ...names(5, 'new')].reverse());
    });

    it('lists an execution that was added again once, as new', async () => {
      for (const key of names(3)) await stage().add(key);
      await stage().engine.cancel('k0');
      await stage().add('k0');
      expect(await allPages(2)).toEqual([['k0', 'k2'], ['k1']]);
    });

    it('refuses a foreign cursor', async () => {
      for (const key of names(3)) await stage().add(key);
      const { nextCursor } = await stage().engine.list({ owner: 'anna', limit: 1 });
      const strange = ['', 'x', '1', 'null', '{}', '-1', `${nextCursor}A`, 'a'.repeat(1000), `${nextCursor}\n`, 'ü'];
      for (const cursor of strange) {
        await expect(stage().engine.list({ owner: 'anna', limit: 1, cursor })).rejects.toMatchObject({
          code: 'CURSOR_INVALID',
        });
      }
      for (const cursor of noTexts) {
        await expect(stage().engine.list({ owner: 'anna', limit: 1, cursor })).rejects.toMatchObject({
          code: 'CURSOR_INVALID',
        });
      }
    });
  });
}
