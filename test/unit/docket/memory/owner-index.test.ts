import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OwnerIndex } from '../../../../src/docket/memory/owner-index.js';

interface Entry {
  readonly sequence: number;
}

function walk(index: OwnerIndex<Entry>, owner: string, limit: number): number[] {
  const found: number[] = [];
  let cursor: string | undefined;
  do {
    const page = index.page({ owner, limit, ...(cursor !== undefined && { cursor }) });
    found.push(...page.entries.map((entry) => entry.sequence));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

describe('OwnerIndex', () => {
  it('holds what a plain list holds, whatever is added and deleted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add' as const), fc.nat()), { maxLength: 600 }),
        fc.integer({ min: 1, max: 300 }),
        (steps, limit) => {
          const index = new OwnerIndex<Entry>();
          let plain: Entry[] = [];
          let sequence = 0;
          // Enough to fill several chunks before the steps make holes.
          for (let count = 0; count < 300; count++) {
            const entry = { sequence: ++sequence };
            index.add('anna', entry);
            plain.push(entry);
          }
          for (const step of steps) {
            if (step === 'add') {
              const entry = { sequence: ++sequence };
              index.add('anna', entry);
              plain.push(entry);
            } else if (plain.length > 0) {
              const entry = plain[step % plain.length]!;
              index.delete('anna', entry);
              index.delete('anna', entry);
              plain = plain.filter((other) => other !== entry);
            }
          }
          expect(walk(index, 'anna', limit)).toEqual(plain.map((entry) => entry.sequence).reverse());
        },
      ),
      { numRuns: 50 },
    );
  });

  it('forgets an owner with its last entry', () => {
    const index = new OwnerIndex<Entry>();
    const entries = Array.from({ length: 500 }, (_, at) => ({ sequence: at + 1 }));
    for (const entry of entries) index.add('anna', entry);
    index.add('ben', { sequence: 501 });
    expect(index.size).toBe(2);
    for (const entry of entries) index.delete('anna', entry);
    expect(index.size).toBe(1);
    expect(walk(index, 'anna', 10)).toEqual([]);
    expect(walk(index, 'ben', 10)).toEqual([501]);
  });

  it('looks at as many entries for a page in the middle of 100,000 as of 100', () => {
    let looks = 0;
    const counted = (sequence: number): Entry => ({
      get sequence() {
        looks++;
        return sequence;
      },
    });
    const cost = (size: number): number => {
      const index = new OwnerIndex<Entry>();
      const entries = Array.from({ length: size }, (_, at) => counted(at + 1));
      for (const entry of entries) index.add('anna', entry);
      // Half of them gone, in one stretch right behind the first page.
      for (const entry of entries.slice(size / 4, size * 0.75)) index.delete('anna', entry);
      const first = index.page({ owner: 'anna', limit: size / 4 });
      looks = 0;
      const page = index.page({ owner: 'anna', limit: 20, cursor: first.nextCursor! });
      expect(page.entries[0]?.sequence).toBe(size / 4);
      return looks;
    };
    // What grows is the search for the place: 10 more halvings.
    expect(cost(100_000) - cost(100)).toBeLessThanOrEqual(15);
  });

  it('refuses the cursor of another index, which may mean another process', () => {
    const [index, other] = [new OwnerIndex<Entry>(), new OwnerIndex<Entry>()];
    for (let sequence = 1; sequence <= 3; sequence++) {
      index.add('anna', { sequence });
      other.add('anna', { sequence });
    }
    const { nextCursor } = other.page({ owner: 'anna', limit: 1 });
    expect(() => index.page({ owner: 'anna', limit: 1, cursor: nextCursor! })).toThrow(
      /^The cursor .+ is not from this docket\. List again without a cursor\.$/,
    );
  });
});
