import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { settled } from '../helpers/fake-clock.js';
import type { Ended } from './machine/actor.js';
import {
  isOpen,
  replies,
  statusOf,
  TaskModel,
  type ModelQuestion,
  type ModelRun,
  type ModelTask,
  type ReplyName,
} from './machine/model.js';
import { expectSeen, shownTask, withoutTimes } from './machine/seen.js';
import { finishes, type Finish, type Run } from './machine/stage.js';
import { people, World, type Person } from './machine/world.js';

/** What a hundred runs come across many times. A machine that never does has a mistake. */
const worthMeeting = [
  ...Object.keys(replies).map((each) => `answered with ${each}`),
  'answered by somebody else',
  'answered by a client that was not asked',
  'answered after the end',
  'answered late',
  'cancel won',
  'finish won',
  'finished without its task',
  'handed back with an open question',
];
const met = new Set<string>();
const meet = (what: string): void => void met.add(what);

type Step = (model: TaskModel, world: World) => void | Promise<void>;

/** A command is a step, after which everybody must see exactly what the model says. */
function command(name: string, step: Step): fc.AsyncCommand<TaskModel, World> {
  return {
    check: () => true,
    run: async (model, world) => {
      await step(model, world);
      await quiet();
      await expectSeen(model, world);
    },
    toString: () => name,
  };
}

async function quiet(): Promise<void> {
  for (let round = 0; round < 3; round++) await settled();
}

/** One of those that still matter, as long as `which` is less than their number; else one of the others. */
function pick<T>(from: readonly T[], which: number, matters: (each: T) => boolean): T | undefined {
  const [first, last] = [from.filter(matters), from.filter((each) => !matters(each))];
  return [...first, ...last].at(which % from.length);
}

/** A command about one of the tasks that there ever were, preferably one that has not ended. */
function ofTask(
  name: string,
  which: number,
  step: (task: ModelTask, model: TaskModel, world: World) => void | Promise<void>,
) {
  return command(`${name} #${which}`, async (model, world) => {
    const task = pick(model.tasks, which, ({ end }) => end === undefined);
    if (task !== undefined) await step(task, model, world);
  });
}

/** A command of one of the runs that there ever were, also of one that has lost its task. */
function ofRun(
  name: string,
  which: number,
  step: (model: TaskModel, world: World, modelled: ModelRun, run: Run) => void | Promise<void>,
) {
  return command(`${name} #${which}`, async (model, world) => {
    const runs = model.tasks.flatMap((task) => task.runs.map((run, index) => ({ run, index })));
    const picked = pick(runs, which, ({ run }) => !run.over);
    if (picked !== undefined) await step(model, world, picked.run, world.run(picked.run, picked.index));
  });
}

/** A command about one of the questions that there ever were. */
function ofQuestion(
  name: string,
  which: number,
  step: (question: ModelQuestion, model: TaskModel, world: World) => void | Promise<void>,
) {
  return command(`${name} #${which}`, async (model, world) => {
    const question = pick(model.questions, which, isOpen);
    if (question !== undefined) await step(question, model, world);
  });
}

function ask(model: TaskModel, world: World, modelled: ModelRun, run: Run, key: string, deadline: number): void {
  const at = world.heard.push(undefined) - 1;
  void run.ask(key, deadline).then((heard) => (world.heard[at] = heard));
  model.ask(modelled, key, deadline);
}

const idOf = ({ task, key }: ModelQuestion): string => `errand:${task.taskId}:${key}`;

function answer(model: TaskModel, world: World, person: Person, question: ModelQuestion, reply: ReplyName): void {
  const [actor, id] = [world.actor(person), idOf(question)];
  actor.answer(id, replies[reply].sent);
  const before = question.heard;
  if (isOpen(question) && people[person] === question.task.principal && !actor.wasShown.has(id)) {
    return meet('answered by a client that was not asked');
  }
  const counts = model.answer(question, people[person], reply);
  if (counts) meet(`answered with ${reply}`);
  else if (question.task.principal !== people[person]) meet('answered by somebody else');
  else meet(before === undefined ? 'answered after the end' : 'answered late');
}

/** The answer to `tasks/cancel` says who won. */
function expectCancelled(ended: Ended, task: ModelTask): void {
  expect(withoutTimes(ended)).toEqual({ result: shownTask(task) });
}

async function cancel(person: Person, task: ModelTask, model: TaskModel, world: World): Promise<void> {
  const actor = world.actor(person);
  const ended = await actor.ended('tasks/cancel', { taskId: task.taskId });
  if (task.expired || task.principal !== actor.principal) {
    expect(ended).toEqual(world.unknown(task));
  } else if (model.cancel(task)) {
    expectCancelled(ended, task);
  } else {
    expect(ended).toMatchObject({ error: { code: -32602, message: expect.stringContaining(task.end!.status) } });
  }
}

/** What happens at once, and how many microtasks after the first of them. */
interface Race {
  readonly how: Finish;
  readonly finishAfter: number;
  readonly cancelAfter: number;
  readonly waitAfter: number;
}

/** A run finishes, a client cancels, another waits: one of the first two wins, for everybody, and the third gets to know. */
async function race(
  { how, finishAfter, cancelAfter, waitAfter }: Race,
  model: TaskModel,
  world: World,
  modelled: ModelRun,
  run: Run,
): Promise<void> {
  const { task } = modelled;
  const [one, other] = (Object.keys(people) as Person[]).filter((each) => people[each] === task.principal);
  const waits = microtasks(waitAfter).then(() => world.wait(other ?? one!, task));
  const finishes = microtasks(finishAfter).then(() => run.finish(how));
  await microtasks(cancelAfter);
  const cancelled = await world.actor(one!).ended('tasks/cancel', { taskId: task.taskId });
  await Promise.all([waits, finishes]);
  const cancelWon = 'result' in cancelled;
  meet(cancelWon ? 'cancel won' : 'finish won');
  expect(cancelWon ? model.cancel(task) : model.finish(modelled, how)).toBe(true);
  if (cancelWon) expectCancelled(cancelled, task);
  else expect(cancelled).toMatchObject({ error: { code: -32602 } });
}

async function microtasks(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await Promise.resolve();
}

const which = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 1 }) }, { weight: 1, arbitrary: fc.nat({ max: 7 }) });
const person = fc.constantFrom(...(Object.keys(people) as Person[]));
const maker = fc.constantFrom<Person>('ann', 'another ann', 'bert');
const how = fc.constantFrom(...finishes);
const key = fc.constantFrom('a', 'b');
const reply = fc.constantFrom(...(Object.keys(replies) as ReplyName[]));
const lead = fc.nat({ max: 15 });
const deadline = fc.constantFrom(500, 5_000);

const submit = fc.record({ maker, ttl: fc.constantFrom(1_200, 3_000), token: fc.boolean(), stubborn: fc.boolean() });

/** Three times as likely as others. */
const often = <T>(arbitrary: T): T[] => [arbitrary, arbitrary, arbitrary];

const commands = [
  ...often(
    submit.map(({ maker, ttl, token, stubborn }) =>
      command(
        `${maker} submits, ttl ${ttl}${token ? ', progress' : ''}${stubborn ? ', stubborn' : ''}`,
        async (model, world) => {
          const name = `task ${model.tasks.length}`;
          const seat = world.seat(maker);
          const task = await world.actor(maker).submit('play', { name, stubborn }, ttl, token ? name : undefined);
          model.submit({ name, taskId: task.taskId, seat, ttl });
          expect(withoutTimes({ result: { ...task } })).toEqual({
            result: { ...shownTask(model.tasks.at(-1)!), status: 'working' },
          });
        },
      ),
    ),
  ),
  fc.tuple(which, fc.nat({ max: 9 })).map(([number, current]) =>
    ofRun(`progress ${current}`, number, async (model, _real, modelled, run) => {
      expect(await run.progress(current)).toBe(model.progress(modelled, current));
    }),
  ),
  ...often(
    fc
      .tuple(which, key, deadline)
      .map(([number, key, deadline]) =>
        ofRun(`ask ${key} for ${deadline}`, number, (model, world, modelled, run) =>
          ask(model, world, modelled, run, key, deadline),
        ),
      ),
  ),
  fc.tuple(which, deadline).map(([number, deadline]) =>
    ofRun(`ask a and b for ${deadline}`, number, (model, world, modelled, run) => {
      for (const key of ['a', 'b']) ask(model, world, modelled, run, key, deadline);
    }),
  ),
  ...often(
    fc
      .tuple(which, person, reply)
      .map(([number, person, reply]) =>
        ofQuestion(`${person} answers ${reply}`, number, (question, model, world) =>
          answer(model, world, person, question, reply),
        ),
      ),
  ),
  ...often(
    fc.tuple(which, reply).map(([number, reply]) =>
      ofQuestion(`who is asked answers ${reply}`, number, (question, model, world) => {
        const asked = [...world.actors].find(([, { prompts }]) => prompts.has(idOf(question)));
        if (asked !== undefined) answer(model, world, asked[0], question, reply);
      }),
    ),
  ),
  fc.tuple(which, person, reply, person, reply).map(([number, first, one, second, other]) =>
    ofQuestion(`${first} answers ${one} and ${second} ${other}`, number, (question, model, world) => {
      answer(model, world, first, question, one);
      answer(model, world, second, question, other);
    }),
  ),
  fc.tuple(which, how).map(([number, how]) =>
    ofRun(how, number, (model, _real, modelled, run) => {
      run.finish(how);
      if (!model.finish(modelled, how)) meet('finished without its task');
    }),
  ),
  fc
    .tuple(which, person)
    .map(([number, person]) =>
      ofTask(`${person} cancels`, number, (task, model, world) => cancel(person, task, model, world)),
    ),
  fc.tuple(which, person, person).map(([number, one, other]) =>
    ofTask(`${one} and ${other} cancel`, number, async (task, model, world) => {
      await Promise.all([cancel(one, task, model, world), cancel(other, task, model, world)]);
    }),
  ),
  fc.tuple(which, fc.record({ how, finishAfter: lead, cancelAfter: lead, waitAfter: lead })).map(([number, given]) =>
    ofRun(`race ${JSON.stringify(given)}`, number, async (model, world, modelled, run) => {
      if (!modelled.over) await race(given, model, world, modelled, run);
    }),
  ),
  ...often(
    fc.tuple(which, person).map(([number, person]) =>
      ofTask(`${person} waits`, number, async (task, _model, world) => {
        if (!task.expired && task.principal === people[person]) return world.wait(person, task);
        const ended = await world.actor(person).ended('tasks/result', { taskId: task.taskId });
        expect(ended).toEqual(world.unknown(task));
      }),
    ),
  ),
  which.map((number) =>
    command(`a wait is given up #${number}`, (_model, world) =>
      pick(world.waits, number, ({ ended }) => ended === undefined)?.stop.abort(),
    ),
  ),
  fc.constantFrom(100, 600, 2_000).map((ms) =>
    command(`${ms} ms pass`, async (model, world) => {
      await world.clock.advance(ms);
      model.advance(ms);
    }),
  ),
  fc.constant(
    command('the worker stops or starts', async (model, world) => {
      if (model.working) {
        const isAsking = model.alive().some((task) => statusOf(task) === 'input_required');
        if (isAsking) meet('handed back with an open question');
        world.stopWorker();
        model.stopWorker();
      } else {
        await world.startWorker();
        model.startWorker();
      }
    }),
  ),
  person.map((person) =>
    command(`${person} connects again`, async (_model, world) => {
      await world.leave(person);
      await world.arrive(person);
    }),
  ),
];

/** Brings every task to its end: nobody may be left waiting, and everybody who waited for a task got the same. */
async function expectEnded(model: TaskModel, world: World): Promise<void> {
  if (!model.working) {
    await world.startWorker();
    model.startWorker();
    await quiet();
  }
  for (const [index, task] of model.alive().entries()) {
    const modelled = task.runs.at(-1)!;
    const how = finishes[index % finishes.length]!;
    world.run(modelled, task.runs.length - 1).finish(how);
    model.finish(modelled, how);
  }
  await quiet();
  await expectSeen(model, world);
  for (const { actor, task, stop, ended } of world.waits) {
    if (!actor.closed && !stop.signal.aborted) expect(ended).toEqual(task.end!.outcome);
  }
  // Runs that lost their task and go on: the worker is theirs until they end.
  for (const runs of world.stage.runs.values()) for (const run of runs) run.finish('returns');
  world.stopWorker();
  await Promise.all(world.stops);
  await expectSeen(model, world);
}

describe('tasks on the wire', () => {
  it('are for several clients what the model says, whatever these do, and nobody waits for ever [MS1] [MS2] [MS3] [MR1] [MR2] [MX1]', async () => {
    met.clear();
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (steps) => {
        const world = await World.open();
        const model = new TaskModel(world.clock.now());
        try {
          await fc.asyncModelRun(() => ({ model, real: world }), steps);
          await expectEnded(model, world);
        } finally {
          await world.close();
        }
        expect(world.clock.armed).toBe(0);
      }),
      { numRuns: 100 },
    );
    expect(worthMeeting.filter((what) => !met.has(what))).toEqual([]);
  }, 120_000);
});
