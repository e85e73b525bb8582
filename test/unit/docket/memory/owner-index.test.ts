import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OwnerIndex } from '../../../../src/docket/memory/owner-index.js';

interface Item {
  readonly sequence: number;
}

function walk(index: OwnerIndex<Item>, owner: string, limit: number): number[] {
  const found: number[] = [];
  let cursor: string | undefined;
  do {
    const page = index.page({ owner, limit, ...(cursor !== undefined && { cursor }) });
    found.push(...page.items.map((item) => item.sequence));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

describe('OwnerIndex', () => {
  it('matches a plain list, whatever is added and deleted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add' as const), fc.nat()), { maxLength: 600 }),
        fc.integer({ min: 1, max: 300 }),
        (steps, limit) => {
          const index = new OwnerIndex<Item>();
          let plain: Item[] = [];
          let sequence = 0;
          // Enough to fill several chunks before the steps make holes.
          for (let count = 0; count < 300; count++) {
            const item = { sequence: ++sequence };
            index.add('anna', item);
            plain.push(item);
          }
          for (const step of steps) {
            if (step === 'add') {
              const item = { sequence: ++sequence };
              index.add('anna', item);
              plain.push(item);
            } else if (plain.length > 0) {
              const item = plain[step % plain.length]!;
              index.delete('anna', item);
              index.delete('anna', item);
              plain = plain.filter((other) => other !== item);
            }
          }
          expect(walk(index, 'anna', limit)).toEqual(plain.map((item) => item.sequence).reverse());
        },
      ),
      { numRuns: 50 },
    );
  });

  it('forgets an owner with its last item', () => {
    const index = new OwnerIndex<Item>();
    const items = Array.from({ length: 500 }, (_, at) => ({ sequence: at + 1 }));
    for (const item of items) index.add('anna', item);
    index.add('ben', { sequence: 501 });
    expect(index.size).toBe(2);
    for (const item of items) index.delete('anna', item);
    expect(index.size).toBe(1);
    expect(walk(index, 'anna', 10)).toEqual([]);
    expect(walk(index, 'ben', 10)).toEqual([501]);
  });

  it('examines as many items for a page in the middle of 100,000 as of 100', () => {
    let looks = 0;
    const counted = (sequence: number): Item => ({
      get sequence() {
        looks++;
        return sequence;
      },
    });
    const cost = (size: number): number => {
      const index = new OwnerIndex<Item>();
      const items = Array.from({ length: size }, (_, at) => counted(at + 1));
      for (const item of items) index.add('anna', item);
      // Half of them gone, in one stretch right behind the first page.
      for (const item of items.slice(size / 4, size * 0.75)) index.delete('anna', item);
      const first = index.page({ owner: 'anna', limit: size / 4 });
      looks = 0;
      const page = index.page({ owner: 'anna', limit: 20, cursor: first.nextCursor! });
      expect(page.items[0]?.sequence).toBe(size / 4);
      return looks;
    };
    // What grows is the search for the place: 10 more halvings.
    expect(cost(100_000) - cost(100)).toBeLessThanOrEqual(15);
  });

  it('refuses the cursor of another index, which may be from another process', () => {
    const [index, other] = [new OwnerIndex<Item>(), new OwnerIndex<Item>()];
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
