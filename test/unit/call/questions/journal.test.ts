import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Journal, type QuestionIdentity } from '../../../../src/call/questions/journal.js';
import { refusalOf } from '../../../helpers/thrown.js';

const question = (message: string, key?: string): QuestionIdentity => ({
  kind: 'elicitation',
  params: { message, requestedSchema: {} },
  ...(key !== undefined && { key }),
});

describe('the id of a question', () => {
  it('is the same in every run of an execution, and differs between executions', () => {
    const ids = ['task 1', 'task 1', 'task 2'].map((secret) => new Journal(secret).idFor('q-1'));
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(ids[0]).toMatch(/^[\w-]{22}$/);
  });

  it('differs between questions', () => {
    const journal = new Journal('task');
    expect(journal.idFor('q-2')).not.toBe(journal.idFor('q-1'));
  });

  it('is unguessable if there is only one run', () => {
    const [one, two] = [new Journal(), new Journal()];
    expect(one.idFor('q-1')).toBe(one.idFor('q-1'));
    expect(two.idFor('q-1')).not.toBe(one.idFor('q-1'));
  });
});

describe('the key of a question', () => {
  it('is the same in every run that asks the same, in any order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 1 }), fc.infiniteStream(fc.nat()), (messages, random) => {
        const first = new Journal();
        const names = new Map(messages.map((message) => [message, first.name(question(message))]));
        const second = new Journal();
        const shuffled = [...messages].sort(() => (random.next().value % 3) - 1);
        for (const message of shuffled) expect(second.name(question(message))).toBe(names.get(message));
        expect(new Set(names.values()).size).toBe(messages.length);
      }),
    );
  });

  it('counts repetitions of the same question', () => {
    const ask = (journal: Journal): string => {
      const name = journal.name(question('Sure?'));
      journal.close(name);
      return name;
    };
    const [one, two] = [new Journal(), new Journal()];
    const names = [ask(one), ask(one), ask(one)];
    expect(new Set(names).size).toBe(3);
    expect([ask(two), ask(two), ask(two)]).toEqual(names);
  });

  it('consists of characters allowed in a message id, whatever the author gives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (key, message) => {
        expect(new Journal().name(question(message, key))).toMatch(/^[\w-]{1,80}$/);
      }),
    );
  });

  it('differs for another key, kind of key, message or schema', () => {
    const journal = new Journal();
    const names = [
      journal.name(question('Sure?')),
      journal.name(question('Sure?', 'a')),
      journal.name(question('Sure?', 'b')),
      journal.name(question('Sure?', 'ä')),
      journal.name(question('Sure?', 'constructor')),
      journal.name({ ...question('Sure?'), params: { message: 'Sure?', requestedSchema: { type: 'object' } } }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('is refused while the same question is open, and available again afterwards', () => {
    const journal = new Journal();
    const name = journal.name(question('Sure?'));
    expect(refusalOf(() => journal.name(question('Sure?')))).toEqual({
      code: 'QUESTION_DUPLICATE',
      message:
        "The same question is already open in this call. Give each a key of its own in the options: { key: '…' }.",
    });
    const keyed = journal.name(question('Sure?', 'k'));
    expect(refusalOf(() => journal.name(question('Another', 'k'))).message).toMatch(
      /^A question with the key 'k' is already open in this call\./,
    );
    journal.close(name);
    journal.close(keyed);
    expect(journal.name(question('Sure?'))).not.toBe(name);
  });
});
