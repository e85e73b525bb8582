import type { Shown } from '../../src/docket/memory/memory-entry.js';
import type { ErrandServer } from '../../src/index.js';
import { eventually } from './eventually.js';

/** The memory engine, as far as it is looked into. */
interface Inside {
  readonly executions: { get(key: string): { readonly shown?: ReadonlyMap<string, Shown> } | undefined };
}

/** Waits until the only question of a task is shown like that, as the memory engine of the server knows it. */
export async function untilShown(server: ErrandServer, taskId: string, like: Partial<Shown>): Promise<void> {
  const { executions } = server['background']!.engine as unknown as Inside;
  await eventually(() => {
    const [shown] = executions.get(taskId)?.shown?.values() ?? [];
    for (const [name, value] of Object.entries(like)) {
      const now = shown?.[name as keyof Shown];
      if (now !== value) throw new Error(`${name} of the question is ${String(now)}`);
    }
  });
}
