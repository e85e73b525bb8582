import type { z } from 'zod';
import { declareMethod, refuseBare } from './declarations.js';
import type { JobOptions } from '../options.js';
import type { ComponentDecorator } from './tool.js';

/**
 * Makes a method a job, which `docket.add(Class, 'method', input)` runs in the background.
 *
 * @throws {ErrandError} `DECORATOR_MODE` without `experimentalDecorators` in the tsconfig that covers the file.
 *
 * @example
 * ```ts
 * import { job, Logger } from 'errand';
 * import { z } from 'zod';
 *
 * const Refresh = z.object({ full: z.boolean() });
 *
 * class IndexJobs {
 *   @job({ input: Refresh, retry: 3 })
 *   refresh({ full }: z.infer<typeof Refresh>, logger: Logger) {
 *     logger.info(full ? 'Refreshing everything' : 'Refreshing what changed');
 *   }
 * }
 * ```
 */
export function job<Input extends z.ZodType | undefined = undefined, Output extends z.ZodType | undefined = undefined>(
  options?: JobOptions<Input, Output>,
): ComponentDecorator<Input, Output>;
export function job(...args: unknown[]): ComponentDecorator<undefined, undefined> {
  refuseBare('@job', args);
  const [options = {}] = args as [options?: JobOptions<undefined, undefined>];
  return (target, name) => declareMethod(target, name, { kind: 'job', options });
}
