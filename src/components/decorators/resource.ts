import type { z } from 'zod';
import { declareMethod, refuseBare } from './declarations.js';
import type { ResourceOptions } from '../options.js';
import type { ComponentDecorator } from './tool.js';

/**
 * Makes a method a resource, or a resource template if the URI has variables (RFC 6570). The variables are the method's
 * arguments, bound as for a tool: by `@param` or as `input`. The method returns text, bytes (`Uint8Array`), data (sent
 * as JSON), `file(…)` or an array of files. Errors become protocol errors: clients see the text of a `ToolError`, and a
 * reference id for others.
 *
 * With `task`, clients may read it as a task (`resources/read` with `task`). The specification has tasks for tools
 * only, so the lists announce it in `_meta['errand/task-support']`.
 *
 * @param uri - a URI such as `config://app`, or a template such as `reports://{quarter}`
 * @throws {ErrandError} `DECORATOR_MODE` without `experimentalDecorators` in the tsconfig that covers the file.
 *
 * @example
 * ```ts
 * import { param, resource } from 'errand';
 * import { z } from 'zod';
 *
 * class Reports {
 *   @resource('reports://{quarter}', { description: 'The report of a quarter', mimeType: 'text/markdown' })
 *   report(@param('quarter', z.string()) quarter: string) {
 *     return `# Report of ${quarter}`;
 *   }
 * }
 * ```
 */
export function resource<Input extends z.ZodType | undefined = undefined>(
  uri: string,
  options?: ResourceOptions<Input>,
): ComponentDecorator<Input, undefined>;
export function resource(...args: unknown[]): ComponentDecorator<undefined, undefined> {
  refuseBare('@resource', args);
  const [uri, options = {}] = args as [uri: string, options?: ResourceOptions<undefined>];
  return (target, name) => declareMethod(target, name, { kind: 'resource', uri, options });
}
