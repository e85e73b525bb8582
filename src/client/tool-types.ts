import type { ToolMap, ToolShape } from '../protocol/types.js';
import type { CallOptions } from './options.js';

/** Something whose tools the compiler knows: a server, or its client. */
export interface KnownTools<Tools extends ToolMap = ToolMap> {
  /** Only for the compiler: there is no such value. */
  readonly types: {
    /** The tools, by name. */
    readonly tools: Tools;
  };
}

/** The tools of a server, or of its client, as its type tells them; any name where it tells none. */
export type ToolsOf<Known> = Known extends KnownTools<infer Tools> ? Tools : ToolMap;

/** A name of a tool. */
export type ToolName<Known> = keyof ToolsOf<Known> & string;

// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- what lacks all that is demanded
type Nothing = Record<never, never>;

/**
 * Anything where nothing is known; an empty object or nothing where a tool takes nothing; else what its schema takes, or
 * nothing where that demands nothing.
 */
type Arguments<Input> = ToolShape['input'] extends Input
  ? Record<string, unknown> | undefined
  : [Input] extends [undefined]
    ? Record<string, never> | undefined
    : Nothing extends Input
      ? Input | undefined
      : Input;

/** The arguments of a tool, as they travel. */
export type ToolArguments<Known, Name extends ToolName<Known>> = Arguments<ToolsOf<Known>[Name]['input']>;

/** The structured content of a tool's result. */
export type ToolStructured<Known, Name extends ToolName<Known>> = ToolsOf<Known>[Name]['structured'];

/** What follows the name of a tool that is called in the foreground. */
export type ToolCall<Known, Name extends ToolName<Known>> =
  undefined extends ToolArguments<Known, Name>
    ? [args?: ToolArguments<Known, Name>, options?: CallOptions]
    : [args: ToolArguments<Known, Name>, options?: CallOptions];
