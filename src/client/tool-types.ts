import type { ToolMap, ToolShape } from '../protocol/types.js';
import type { CallOptions } from './options.js';

/** The tools of a server as its type tells them; any name where it tells none. */
export type ToolsOf<Server> = Server extends { readonly types: { readonly tools: infer Tools extends ToolMap } }
  ? Tools
  : ToolMap;

/** A name of a tool. */
export type ToolName<Tools extends ToolMap> = keyof Tools & string;

/** The arguments of a tool: those that its schema takes, an empty object or nothing where it takes none, and anything where that is not known. */
export type ToolArguments<Shape extends ToolShape> = ToolShape['input'] extends Shape['input']
  ? Record<string, unknown> | undefined
  : [Shape['input']] extends [undefined]
    ? Record<string, never> | undefined
    : Shape['input'];

/** What follows the name of a tool that is called in the foreground. */
export type ToolCall<Shape extends ToolShape> =
  undefined extends ToolArguments<Shape>
    ? [args?: ToolArguments<Shape>, options?: CallOptions]
    : [args: ToolArguments<Shape>, options?: CallOptions];
