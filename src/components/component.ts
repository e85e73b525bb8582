import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { refuseOtherCopy } from '../base/package-copy.js';
import type { CallContainer, Injector, Mode, Plan } from '../injection/injector.js';
import { injectionOf, type Injection } from '../injection/inject.js';
import type { ClassEntry } from './component-entry.js';
import { bindMethod, type ArgumentSource, type AskedParameter, type ParameterBinding } from './parameter-binding.js';
import type { DeclaredMethod, MethodDeclaration } from './decorators/declarations.js';
import type { DefinedComponent } from './define.js';
import { toForm } from './schema/form.js';
import { hasOneWayTransform, toObjectJsonSchema, type ObjectJsonSchema } from './schema/json-schema.js';
import {
  checkComponentOptions,
  toComponentLimits,
  toPriority,
  toTaskMode,
  type ComponentLimits,
  type TaskMode,
} from './options.js';
import { noRetry, toRetryPolicy, type RetryPolicy } from './retry-policy.js';
import { toMilliseconds } from '../base/duration.js';
import { compileOutput, type Output } from './results/output.js';
import { compilePromptOutput } from './results/prompt-output.js';
import { ResourceAddress } from './resource-address.js';
import { compileResourceOutput } from './results/resource-output.js';
import { promptArguments, textConverter } from './text-arguments.js';
import type { PromptArgument } from '../protocol/types.js';

/** The kinds of component. */
export type ComponentKind = MethodDeclaration['kind'];

/** A component of one kind. */
export type ComponentOf<Kind extends ComponentKind, Frame> = Component<Frame> & {
  readonly kind: Kind;
  readonly declaration: Extract<MethodDeclaration, { readonly kind: Kind }>;
};

/** The server's defaults for components. */
export interface ComponentDefaults {
  readonly task: TaskMode;
  /** Milliseconds. */
  readonly timeout: number;
}

/** A component, compiled: holds everything that can be known before a call. */
export interface Component<Frame> {
  readonly kind: ComponentKind;
  /** The name for clients. Unique within its kind; tools and jobs share one set of names. */
  readonly name: string;
  /** The name in records of the docket. Unique in a server. */
  readonly key: string;
  /** The name in messages and logs: `Class.method`, or the name of a definition. */
  readonly label: string;
  readonly declaration: MethodDeclaration;
  readonly task: TaskMode;
  /** Milliseconds. */
  readonly timeout: number;
  readonly retry: RetryPolicy;
  /** 0 comes first. */
  readonly priority: number;
  /** The limits of its background calls. */
  readonly limits?: ComponentLimits;
  /** Parses the whole input. The schema of an empty object for a component without input. */
  readonly schema: z.ZodType;
  readonly inputJsonSchema: ObjectJsonSchema;
  /** The input that `docket.add` takes: one value, or nothing. Only clients can pass arguments named by `@param`. */
  readonly takes: 'input' | 'nothing' | 'named arguments';
  /** Whether parsed input can be encoded again, as adding it to the docket requires. */
  readonly encodable: boolean;
  readonly output: Output;
  readonly asks: readonly AskedParameter[];
  readonly plan: Plan<Frame>;
  /** The address of a resource. */
  readonly address?: ResourceAddress;
  /** The arguments of a prompt, as listed to clients. */
  readonly promptArguments?: readonly PromptArgument[];
  /** The input to parse, from the wire input: the arguments, or the variables in a resource's URI. */
  argumentsOf(input: unknown): unknown;
  /** Calls the method with the instances of the call container. */
  invoke(container: CallContainer, input: unknown, answers: readonly unknown[]): unknown;
}

const emptyInput = z.object({});

/** Compiles a decorated method of a class. */
export function compileMethod<Frame>(
  { target, lifetime, prefix }: ClassEntry,
  method: DeclaredMethod,
  injector: Injector<Frame>,
  defaults: ComponentDefaults,
): Component<Frame> {
  const label = `${target.name}.${method.name}`;
  const { declaration } = method;
  refuseOtherCopy(declaration, () => `@${declaration.kind} of ${label}`);
  const { kind, options } = declaration;
  checkComponentOptions(kind, options, label, `@${kind}`);
  const binding = bindMethod(target.name, method, (type) => injector.has(type));
  for (const { schema } of binding.asks) toForm(schema, label);
  // The class already tells jobs apart.
  const name = kind === 'job' && options.name === undefined ? label : `${prefix}${options.name ?? method.name}`;
  const plan = (modes: readonly Mode[]): Plan<Frame> =>
    injector.plan({
      label,
      component: { target, lifetime },
      injections: binding.injections,
      parameters: binding.parameters,
      modes,
    });
  const { sources } = binding;
  return {
    ...compileCommon(declaration, name, label, binding, defaults, plan),
    invoke: (container, input, answers) => {
      const instance = container.component as Record<string, (...args: unknown[]) => unknown>;
      if (typeof instance[method.name] !== 'function') {
        throw new ErrandError(
          'COMPONENT_INVALID',
          `${label}: the instance provided for ${target.name} has no method ${method.name}. Add the method; fakes need it too.`,
        );
      }
      const args = sources.map((source) => argument(source, container, input, answers));
      return instance[method.name]?.(...args);
    },
  };
}

/** Compiles the result of `defineTool` or `defineJob`. */
export function compileDefinition<Frame>(
  definition: DefinedComponent,
  injector: Injector<Frame>,
  defaults: ComponentDefaults,
): Component<Frame> {
  const { kind, name, options, run } = definition;
  refuseOtherCopy(definition, () => `The ${kind} '${name}'`);
  checkComponentOptions(kind, options, name, kind === 'tool' ? 'defineTool' : 'defineJob');
  if (typeof run !== 'function') {
    throw new ErrandError('COMPONENT_INVALID', `${name}: run is ${typeof run}. Give the function that each call runs.`);
  }
  const injections: Injection[] = definition.inject.map(injectionOf);
  const parameters = injections.map((_, index) => `inject[${index}]`);
  const schema = options.input ?? emptyInput;
  const plan = (modes: readonly Mode[]): Plan<Frame> => injector.plan({ label: name, injections, parameters, modes });
  const declaration: MethodDeclaration = { kind, options };
  return {
    ...compileCommon(
      declaration,
      name,
      name,
      { sources: [], injections, parameters, asks: [], schema },
      defaults,
      plan,
    ),
    invoke: (container, input) => run(input, ...container.args),
  };
}

function argument(
  source: ArgumentSource,
  container: CallContainer,
  input: unknown,
  answers: readonly unknown[],
): unknown {
  switch (source.from) {
    case 'input':
      return input;
    case 'param':
      // An absent argument named `constructor` must not become the one that every object inherits.
      return Object.hasOwn(input as object, source.name) ? (input as Record<string, unknown>)[source.name] : undefined;
    case 'injection':
      return container.args[source.at];
    case 'ask':
      return answers[source.at];
  }
}

function compileCommon<Frame>(
  declaration: MethodDeclaration,
  name: string,
  label: string,
  binding: ParameterBinding,
  defaults: ComponentDefaults,
  plan: (modes: readonly Mode[]) => Plan<Frame>,
): Omit<Component<Frame>, 'invoke'> {
  const { kind, options } = declaration;
  refuseName(kind, name, label);
  if (kind === 'job' && binding.asks.length > 0) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${label}: a job has no client, so @ask has nobody to ask. Make it a tool, or remove @ask.`,
    );
  }
  const task =
    kind === 'job' ? 'required' : options.task === undefined ? defaults.task : toTaskMode(options.task, label);
  const inputJsonSchema = toObjectJsonSchema(binding.schema, `${label}: input`);
  const address = kind === 'resource' ? new ResourceAddress(declaration.uri, label) : undefined;
  address?.check(inputJsonSchema);
  if (task === 'forbidden' && options.limits !== undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${label}: limits apply to background calls, which this component does not allow. Set \`task\` to 'optional' or 'required', or remove limits.`,
    );
  }
  const modes: Mode[] =
    task === 'required' ? ['background'] : task === 'optional' ? ['foreground', 'background'] : ['foreground'];
  return {
    kind,
    name,
    key: componentKey(kind, name),
    label,
    declaration,
    task,
    timeout: options.timeout === undefined ? defaults.timeout : toMilliseconds(options.timeout, `${label}: timeout`),
    retry: options.retry === undefined ? noRetry : toRetryPolicy(options.retry, label),
    priority: options.priority === undefined ? 0 : toPriority(options.priority, label),
    ...(options.limits !== undefined && { limits: toComponentLimits(options.limits, label) }),
    schema: binding.schema,
    inputJsonSchema,
    takes: binding.sources.some(({ from }) => from === 'param')
      ? 'named arguments'
      : options.input === undefined
        ? 'nothing'
        : 'input',
    encodable: !hasOneWayTransform(binding.schema),
    output: outputOf(declaration, label),
    asks: binding.asks,
    plan: plan(modes),
    argumentsOf: argumentsReader(kind, address, inputJsonSchema),
    ...(address !== undefined && { address }),
    ...(kind === 'prompt' && { promptArguments: promptArguments(inputJsonSchema, label) }),
  };
}

function argumentsReader(
  kind: ComponentKind,
  address: ResourceAddress | undefined,
  schema: ObjectJsonSchema,
): (input: unknown) => unknown {
  if (kind !== 'prompt' && kind !== 'resource') return (input) => input;
  const convert = textConverter(schema);
  return (input) => {
    const given = address === undefined ? input : address.match((input as { uri: string }).uri);
    return given === undefined || given === null ? given : convert(given as Record<string, unknown>);
  };
}

/** The key of a component in records of the docket. Names cannot contain a colon, so keys are unique. */
export function componentKey(kind: ComponentKind, name: string): string {
  return kind === 'prompt' || kind === 'resource' ? `${kind}:${name}` : name;
}

function outputOf(declaration: MethodDeclaration, label: string): Output {
  switch (declaration.kind) {
    case 'prompt':
      return compilePromptOutput(declaration.options.description, label);
    case 'resource':
      return compileResourceOutput(declaration.options.mimeType, label);
    default:
      return compileOutput(declaration.options.output, label);
  }
}

/** Checks the name: MCP 2025-11-25, server/tools, allows 1 to 128 of these characters. */
function refuseName(kind: string, name: string, label: string): void {
  if (/^[A-Za-z0-9_.-]{1,128}$/.test(name)) return;
  throw new ErrandError(
    'COMPONENT_INVALID',
    `${label}: the ${kind} is named ${JSON.stringify(name)}. A name consists of 1 to 128 letters, digits, '_', '-' and '.'. Set \`name\`.`,
  );
}
