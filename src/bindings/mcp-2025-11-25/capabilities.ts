import type { ServerCapabilities } from '@modelcontextprotocol/sdk/types.js';
import type { CallFrame } from '../../call/frame.js';
import type { Catalog } from '../../components/catalog.js';
import { taskMethods, type TaskMethod } from './component-requests.js';

/** Whether requests of this method run components. */
export function isTaskMethod(method: string): method is TaskMethod {
  return Object.hasOwn(taskMethods, method);
}

/** Whether requests of this method may ask for a task. For others, the specification says to ignore `task`. */
export function acceptsTask(catalog: Catalog<CallFrame>, method: string): boolean {
  return isTaskMethod(method) && catalog.hasTasks(taskMethods[method]);
}

/** Whether any request may ask for a task. */
export function offersTasks(catalog: Catalog<CallFrame>): boolean {
  return Object.keys(taskMethods).some((method) => acceptsTask(catalog, method));
}

/**
 * The capabilities that the server declares. `listsTasks`: whether clients can be told apart, and so list their tasks.
 */
export function serverCapabilities(catalog: Catalog<CallFrame>, listsTasks: boolean): ServerCapabilities {
  const has = (kind: 'prompt' | 'resource'): boolean => catalog.of(kind).length > 0;
  return {
    tools: {},
    ...(has('prompt') && { prompts: {} }),
    ...(has('resource') && { resources: {} }),
    logging: {},
    ...(offersTasks(catalog) && {
      tasks: {
        ...(listsTasks && { list: {} }),
        cancel: {},
        requests: {
          ...(catalog.hasTasks('tool') && { tools: { call: {} } }),
          // Not in the specification, which leaves the object open; other servers use these names.
          ...(catalog.hasTasks('prompt') && { prompts: { get: {} } }),
          ...(catalog.hasTasks('resource') && { resources: { read: {} } }),
        },
      },
    }),
  };
}
