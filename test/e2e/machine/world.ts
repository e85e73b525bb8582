import type { Task } from '@modelcontextprotocol/sdk/types.js';
import { expect } from '@jest/globals';
import { Logger, type ErrandServer, type RunningWorker } from '../../../src/index.js';
import { serverWithClock } from '../../helpers/clocked-server.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { Actor, type Ended } from './actor.js';
import type { ModelRun, ModelSeat, ModelTask } from './model.js';
import { Stage, type Run } from './stage.js';

/** Two clients of one principal, one of another, and one that makes no tasks but follows those of the first by their ids. */
export const people = { ann: 'Ann', 'another ann': 'Ann', bert: 'Bert', follower: 'Ann' } as const;

export type Person = keyof typeof people;

/** A client waits for the result of a task. */
export interface Wait {
  readonly actor: Actor;
  readonly task: ModelTask;
  readonly stop: AbortController;
  ended: Ended | undefined;
}

const never = 'a-task-that-never-was';

/** The server, its clients, and what the test has seen of them. */
export class World {
  readonly actors = new Map<Person, Actor>();
  readonly seats = new Map<Actor, ModelSeat>();
  readonly waits: Wait[] = [];
  /** What came of each `elicit()`, in the order of {@link TaskModel.asks}. */
  readonly heard: (string | undefined)[] = [];
  /** The last that was seen of each task. */
  readonly seen = new Map<string, Task>();
  readonly stops: Promise<void>[] = [];
  readonly left: Actor[] = [];
  steps = 0;
  private worker: RunningWorker | undefined;
  private toNever = '';

  private constructor(
    readonly clock: FakeClock,
    readonly stage: Stage,
    private readonly server: ErrandServer,
  ) {}

  /** All clients are there, and a worker. */
  static async open(): Promise<World> {
    const clock = new FakeClock();
    const stage = new Stage();
    const server = serverWithClock(
      {
        name: 'machine',
        version: '1.0.0',
        components: [stage.tool],
        docket: { worker: false },
        grace: 1_000,
        logger: new Logger(() => undefined),
      },
      clock,
    );
    const world = new World(clock, stage, server);
    for (const person of Object.keys(people) as Person[]) await world.arrive(person);
    await world.startWorker();
    const ended = await world.actor('bert').ended('tasks/get', { taskId: never });
    expect(ended).toMatchObject({ error: { code: -32602 } });
    world.toNever = JSON.stringify(ended);
    return world;
  }

  actor(person: Person): Actor {
    return this.actors.get(person)!;
  }

  seat(person: Person): ModelSeat {
    return this.seats.get(this.actor(person))!;
  }

  /** A client connects, in the place of one that has left. */
  async arrive(person: Person): Promise<void> {
    const actor = await Actor.connect(this.server, person, people[person]);
    this.actors.set(person, actor);
    this.seats.set(actor, { principal: actor.principal, followed: new Set() });
  }

  async leave(person: Person): Promise<void> {
    const actor = this.actor(person);
    this.left.push(actor);
    await actor.close();
  }

  async startWorker(): Promise<void> {
    this.worker = await this.server.startWorker({ concurrency: 1_000 });
  }

  /** Calls under way are handed back; one that does not care about being aborted still goes on. */
  stopWorker(): void {
    this.stops.push(this.worker!.stop());
  }

  run({ task }: ModelRun, index: number): Run {
    return this.stage.runs.get(task.name)![index]!;
  }

  /** What clients are answered for a task that they may not see: the same as for one that never was. */
  unknown({ taskId }: ModelTask): Ended {
    return JSON.parse(this.toNever.replaceAll(never, taskId)) as Ended;
  }

  /** A client that may see the task waits for its result. */
  wait(person: Person, task: ModelTask): void {
    const seat = this.seat(person);
    if (task.end === undefined && task.seat !== seat) {
      seat.followed.add(task);
      this.actor(person).follow(task.taskId);
    }
    const wait: Wait = { actor: this.actor(person), task, stop: new AbortController(), ended: undefined };
    this.waits.push(wait);
    void wait.actor
      .ended('tasks/result', { taskId: task.taskId }, wait.stop.signal)
      .then((ended) => (wait.ended = ended));
  }

  async close(): Promise<void> {
    for (const actor of this.actors.values()) await actor.close();
    const closed = this.server.close();
    // After a failure there may be runs that only the grace ends.
    await this.clock.advance(10_000);
    await closed;
  }
}
