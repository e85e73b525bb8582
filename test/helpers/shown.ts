import type { Lease } from '../../src/docket/memory/stored-execution.js';
import type { ErrandServer } from '../../src/index.js';
import { eventually } from './eventually.js';

/** The part of the memory engine that is read here. */
interface Inside {
  readonly executions: { get(key: string): { readonly leases?: ReadonlyMap<string, Lease> } | undefined };
}

/** Waits until the lease of a task's only question has these fields in the memory engine of the server. */
export async function untilShown(server: ErrandServer, taskId: string, like: Partial<Lease>): Promise<void> {
  const { executions } = server['background']!.engine as unknown as Inside;
  await eventually(() => {
    const [lease] = executions.get(taskId)?.leases?.values() ?? [];
    for (const [name, value] of Object.entries(like)) {
      const now = lease?.[name as keyof Lease];
      if (now !== value) throw new Error(`${name} of the question is ${String(now)}`);
    }
  });
}
