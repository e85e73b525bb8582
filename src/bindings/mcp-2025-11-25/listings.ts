import type { CallFrame } from '../../call/frame.js';
import type { Component, ComponentOf } from '../../components/component.js';
import type { Prompt, Resource, ResourceTemplate, Tool } from '../../protocol/types.js';
import type { Core } from '../core.js';

/** For prompts and resources: `execution.taskSupport`, which the specification defines for tools only. */
const taskSupportKey = 'errand/task-support';

/** `tools/list` */
export function listTools({ catalog }: Core): { tools: Tool[] } {
  return { tools: catalog.of('tool').map(toTool) };
}

/** `prompts/list` */
export function listPrompts({ catalog }: Core): { prompts: Prompt[] } {
  return { prompts: catalog.of('prompt').map(toPrompt) };
}

/** `resources/list`: the resources with a fixed URI. */
export function listResources({ catalog }: Core): { resources: Resource[] } {
  return { resources: catalog.of('resource').flatMap((each) => (isTemplate(each) ? [] : [toResource(each)])) };
}

/** `resources/templates/list` */
export function listResourceTemplates({ catalog }: Core): { resourceTemplates: ResourceTemplate[] } {
  return {
    resourceTemplates: catalog.of('resource').flatMap((each) => {
      if (!isTemplate(each)) return [];
      const { uri, ...listed } = toResource(each);
      return [{ uriTemplate: uri, ...listed }];
    }),
  };
}

function toTool(component: ComponentOf<'tool', CallFrame>): Tool {
  const { inputJsonSchema, output, task, declaration } = component;
  const { annotations, _meta } = declaration.options;
  return {
    ...described(component),
    inputSchema: inputJsonSchema,
    ...(output.jsonSchema !== undefined && { outputSchema: output.jsonSchema }),
    ...(annotations !== undefined && { annotations }),
    ...(task !== 'forbidden' && { execution: { taskSupport: task } }),
    ...(_meta !== undefined && { _meta }),
  };
}

function toPrompt(component: ComponentOf<'prompt', CallFrame>): Prompt {
  const args = component.promptArguments ?? [];
  return { ...described(component), ...(args.length > 0 && { arguments: [...args] }), ...metaOf(component) };
}

function toResource(component: ComponentOf<'resource', CallFrame>): Resource {
  const { declaration } = component;
  const { mimeType, annotations } = declaration.options;
  return {
    uri: declaration.uri,
    ...described(component),
    ...(mimeType !== undefined && { mimeType }),
    ...(annotations !== undefined && { annotations }),
    ...metaOf(component),
  };
}

const isTemplate = ({ address }: Component<CallFrame>): boolean => address?.template !== undefined;

type Listed = ComponentOf<'tool' | 'prompt' | 'resource', CallFrame>;

function described({ name, declaration }: Listed): Pick<Tool, 'name' | 'title' | 'description' | 'icons'> {
  const { title, description, icons } = declaration.options;
  return {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(icons !== undefined && { icons }),
  };
}

function metaOf({ declaration, task }: Listed): { _meta?: Record<string, unknown> } {
  const { _meta } = declaration.options;
  if (task === 'forbidden') return _meta === undefined ? {} : { _meta };
  return { _meta: { ..._meta, [taskSupportKey]: task } };
}
