import type { z } from 'zod';
import { declareMethod } from './declarations.js';
import type { ResourceOptions } from '../options.js';
import type { ComponentDecorator } from './tool.js';

/**
 * Makes a method a resource at a URI, or a resource template where the URI has variables (RFC 6570). The variables are
 * the arguments of the method, bound as those of a tool: by `@param` or as `input`. It returns text, bytes
 * (`Uint8Array`), data (sent as JSON), `file(…)` or an array of files. What it throws is an error of the protocol: the
 * text of a `ToolError` is shown, other errors are masked.
 *
 * With `task`, clients may read it as a task (`resources/read` with `task`; the specification names tasks for tools
 * only, so `_meta['errand/task-support']` says it in the lists).
 *
 * @param uri - such as `config://app`, or `reports://{quarter}`
 * @throws {ErrandError} `DECORATOR_MODE` where `experimentalDecorators` is not set in the tsconfig that covers the file.
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
  options: ResourceOptions<Input> = {},
): ComponentDecorator<Input, undefined> {
  return (target, name) => declareMethod(target, name, { kind: 'resource', uri, options });
}
