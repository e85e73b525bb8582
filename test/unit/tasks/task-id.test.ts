import { expect, it } from '@jest/globals';
import { newTaskId } from '../../../src/tasks/submit.js';

it('the id of a task is long, URL-safe, new each time, and never looks like an option', () => {
  const ids = Array.from({ length: 5_000 }, newTaskId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{31}$/);
});
