import type { ToolMap, ToolShape } from '../protocol/types.js';
import type { CallOptions } from './options.js';

/** A server or client whose tools are known to the compiler. */
export interface KnownTools<Tools extends ToolMap = ToolMap> {
  /** Exists only for the compiler; there is no such value at run time. */
  readonly types: {
    /** The tools, by name. */
    readonly tools: Tools;
  };
}

/** The tools in the type of a server or of its client. Any name, if the type has none. */
export type ToolsOf<Known> = Known extends KnownTools<infer Tools> ? Tools : ToolMap;

/** Name of a tool. */
export type ToolName<Known> = keyof ToolsOf<Known> & string;

// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- an object without any required property
type Nothing = Record<never, never>;

/**
 * Anything, if the tool is unknown. An empty object or nothing, if the tool takes no input. Otherwise the input of its
 * schema, which may be left out if the schema requires nothing.
 */
type Arguments<Input> = ToolShape['input'] extends Input
  ? Record<string, unknown> | undefined
  : [Input] extends [undefined]
    ? Record<string, never> | undefined
    : Nothing extends Input
      ? Input | undefined
      : Input;

/** The arguments of a tool, as sent to the server. */
export type ToolArguments<Known, Name extends ToolName<Known>> = Arguments<ToolsOf<Known>[Name]['input']>;

/** The structured content of a tool's result. */
export type ToolStructured<Known, Name extends ToolName<Known>> = ToolsOf<Known>[Name]['structured'];

/** The parameters of `callTool` after the name, for a call in the foreground. */
export type ToolCall<Known, Name extends ToolName<Known>> =
  undefined extends ToolArguments<Known, Name>
    ? [args?: ToolArguments<Known, Name>, options?: CallOptions]
    : [args: ToolArguments<Known, Name>, options?: CallOptions];
