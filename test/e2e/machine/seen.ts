import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import type { Task } from '@modelcontextprotocol/sdk/types.js';
import type { Actor, Ended } from './actor.js';
import { statusOf, type ModelQuestion, type ModelTask, type TaskModel } from './model.js';
import type { World } from './world.js';

/** What everybody sees of every task is what the model says, and nobody was sent what they should not have been. */
export async function expectSeen(model: TaskModel, world: World): Promise<void> {
  world.steps++;
  const { tasks } = model;
  const seen: unknown[] = [
    world.heard,
    tasks.map(({ name }) => world.stage.runs.get(name)?.length ?? 0),
    world.waits.filter(({ task, ended }) => task.end !== undefined && ended === undefined),
    [...world.actors.values(), ...world.left].flatMap(({ faults }) => faults),
  ];
  const expected: unknown[] = [model.asks.map(({ heard }) => heard), tasks.map(({ runs }) => runs.length), [], []];
  const clients = [...world.actors.values()];
  for (const [index, actor] of clients.entries()) {
    // Of each task one client asks in turn; over the steps, all of them.
    const asked = tasks.filter((_task, at) => (world.steps + at) % clients.length === index);
    seen.push(await seenBy(actor, asked, model, world));
    expected.push(toBeSeenBy(actor, asked, model, world));
  }
  // One comparison, because comparing takes longer than all that is compared.
  expect(seen).toEqual(expected);
}

/** What a client sees: its list, the tasks that it asks for, its prompts, and the last status that it was told. */
async function seenBy(actor: Actor, asked: readonly ModelTask[], model: TaskModel, world: World): Promise<unknown> {
  const list = await actor.ended('tasks/list');
  const got = asked.map(({ taskId }) => actor.ended('tasks/get', { taskId }));
  const told = model.seenBy(actor.principal).map((task) => actor.statuses.get(task.taskId));
  const listed = 'result' in list ? (list.result.tasks as Task[]).map((task) => steady(task, world)) : list;
  return { actor: actor.name, listed, got: (await Promise.all(got)).map(withoutTimes), prompts: actor.prompts, told };
}

function toBeSeenBy(actor: Actor, asked: readonly ModelTask[], model: TaskModel, world: World): unknown {
  const seat = world.seats.get(actor)!;
  const visible = model.seenBy(actor.principal);
  const idOf = ({ task, key }: ModelQuestion): string => `errand:${task.taskId}:${key}`;
  // Each question is shown at one of the clients that may show it, and at no other.
  const showsIt = (question: ModelQuestion): boolean => {
    const may = [...world.actors.values()].filter((each) => model.shownAt(world.seats.get(each)!).includes(question));
    return actor === (may.find(({ prompts }) => prompts.has(idOf(question))) ?? may[0]);
  };
  return {
    actor: actor.name,
    listed: visible.map(shownTask),
    got: asked.map((task) => (visible.includes(task) ? { result: shownTask(task) } : world.unknown(task))),
    prompts: new Set(model.shownAt(seat).filter(showsIt).map(idOf)),
    // Who follows the task of another client is told what changes from then on.
    told: visible.map((task) => actor.statuses.get(task.taskId) && statusOf(task)),
  };
}

export function shownTask(task: ModelTask): Partial<Task> {
  const statusMessage = task.end === undefined ? task.message : task.end.statusMessage;
  return {
    taskId: task.taskId,
    status: statusOf(task),
    ...(statusMessage !== undefined && { statusMessage }),
    createdAt: new Date(task.createdAt).toISOString(),
    ttl: task.ttl,
  };
}

/** An answer without what {@link shownTask} leaves out. */
export function withoutTimes(ended: Ended): Ended {
  if ('error' in ended) return ended;
  const { lastUpdatedAt, pollInterval, ...result } = ended.result;
  return { result };
}

const isEnd = (status: Task['status']): boolean => !['working', 'input_required'].includes(status);

/** A listed task as {@link shownTask} has it, if it may follow what was seen of it before: no update is older, no end changes. */
function steady(task: Task, world: World): Partial<Task> {
  const before = world.seen.get(task.taskId);
  world.seen.set(task.taskId, task);
  const { lastUpdatedAt, pollInterval, ...shown } = task;
  if (!Number.isInteger(pollInterval) || Date.parse(lastUpdatedAt) > world.clock.now()) return task;
  if (before === undefined) return shown;
  const isSteady = isEnd(before.status) ? isDeepStrictEqual(task, before) : lastUpdatedAt >= before.lastUpdatedAt;
  return isSteady ? shown : task;
}
