import type { ComponentEntry } from '../components/component-entry.js';
import type { Method } from '../components/decorators/tool.js';
import type { AddArguments } from '../docket/add-types.js';
import type { Class } from '../injection/tokens.js';
import type { ToolMap, ToolShape } from '../protocol/types.js';

/**
 * The values that a client may send for a method's parameter. The schema may have defaults at any depth, and may produce a
 * date or any other object with methods from something else.
 */
type Sendable<Value> = Value extends string | number | boolean | null | undefined
  ? Value
  : Value extends readonly unknown[]
    ? { readonly [Index in keyof Value]: Sendable<Value[Index]> }
    : Value extends object
      ? Extract<Value[keyof Value], Method> extends never
        ? { readonly [Key in keyof Value]?: Sendable<Value[Key]> }
        : unknown
      : unknown;

/** The arguments of a method, as far as its parameters reveal them. Injected parameters and those of `@param` reveal nothing. */
type MethodInput<M extends Method> =
  Parameters<M> extends readonly []
    ? undefined
    : AddArguments<M>[0] extends infer First extends object
      ? First extends readonly unknown[]
        ? ToolShape['input']
        : Sendable<First>
      : ToolShape['input'];

/** The methods of a component class as tools. The compiler cannot know which of them are tools, or what they are called. */
type MethodTools<Instance, Prefix extends string = ''> = {
  readonly [Name in keyof Instance as Instance[Name] extends Method ? `${Prefix}${Name & string}` : never]: {
    readonly input: Instance[Name] extends Method ? MethodInput<Instance[Name]> : never;
    readonly structured: unknown;
  };
} & ToolMap;

type EntryTools<Entry> = Entry extends { readonly types: { readonly tools: infer Tools } }
  ? Tools
  : Entry extends { readonly component: Class<infer Instance>; readonly prefix: infer Prefix extends string }
    ? string extends Prefix
      ? ToolMap
      : MethodTools<Instance, Prefix>
    : Entry extends Class<infer Instance> | { readonly component: Class<infer Instance> }
      ? MethodTools<Instance>
      : ToolMap;

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- no name is the name of a tool
type NoTools = Record<never, ToolShape>;

/** The tools of a server by name, as far as the types of its components reveal them. */
export type ServedTools<Components extends readonly ComponentEntry[]> = [EntryTools<Components[number]>] extends [never]
  ? NoTools
  : Intersection<EntryTools<Components[number]>> extends infer Tools extends ToolMap
    ? Tools
    : ToolMap;
