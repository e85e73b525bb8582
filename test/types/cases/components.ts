/** What must and must not compile with components and contexts. Compiled by test/types/types.test.ts, never run. */
import {
  ask,
  type Content,
  Context,
  CurrentExecution,
  defineJob,
  defineTool,
  image,
  inject,
  job,
  lazy,
  Logger,
  param,
  Progress,
  text,
  token,
  tool,
  type ToolResult,
  toolResult,
} from 'errand';
import { z } from 'zod';

export type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
export const same = <Check extends true>(): Check | undefined => undefined;

export const Quarter = z.object({ quarter: z.string() });
export type Quarter = z.infer<typeof Quarter>;
const Region = z.object({ name: z.string(), sales: z.number() });
const Shape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('circle'), radius: z.number() }),
  z.object({ kind: z.literal('square'), side: z.number() }),
]);
const Day = z.codec(z.iso.date(), z.date(), {
  decode: (iso) => new Date(iso),
  encode: (date) => date.toISOString().slice(0, 10),
});
export const Clock = token<{ now(): number }>('Clock');

export class Warehouse {
  readonly regions: readonly string[] = [];
  count(): number {
    return this.regions.length;
  }
}

// input
export class Inputs {
  @tool({ input: Quarter })
  first({ quarter }: Quarter, ctx: Context) {
    return `${quarter} ${ctx.component}`;
  }

  @tool({ input: Quarter })
  wider(input: { quarter: string | number }) {
    return String(input.quarter);
  }

  @tool({ input: Quarter })
  afterDecorated(@inject(Clock) clock: { now(): number }, input: Quarter) {
    return `${clock.now()} ${input.quarter}`;
  }

  @tool({ input: Quarter })
  optional(input?: Quarter) {
    return input?.quarter;
  }

  @tool({ input: Shape })
  union(shape: z.infer<typeof Shape>) {
    return shape.kind === 'circle' ? shape.radius : shape.side;
  }

  @tool({ input: z.object({ day: Day, limit: z.number().default(10) }) })
  parsed({ day, limit }: { day: Date; limit: number }) {
    return day.getTime() + limit;
  }

  // @ts-expect-error: the quarter is a string
  @tool({ input: Quarter })
  wrongType({ quarter }: { quarter: number }) {
    return quarter;
  }

  // @ts-expect-error: the schema gives no year
  @tool({ input: Quarter })
  tooMuch(input: Quarter & { year: number }) {
    return input.year;
  }

  // @ts-expect-error: nothing takes the input
  @tool({ input: Quarter })
  nowhere(ctx: Context) {
    return ctx.component;
  }

  // @ts-expect-error: there is no parameter at all
  @tool({ input: Quarter })
  none() {
    return 'none';
  }

  // @ts-expect-error: the method takes what is parsed, not what travels
  @tool({ input: z.object({ day: Day }) })
  unparsed({ day }: { day: string }) {
    return day;
  }

  @tool({ input: Quarter })
  private hidden({ quarter }: Quarter) {
    return quarter;
  }

  // @ts-expect-error: private methods are checked as well
  @tool({ input: Quarter })
  private wrongHidden({ quarter }: { quarter: number }) {
    return quarter;
  }

  // @ts-expect-error: jobs are checked as well
  @job({ input: Quarter })
  wrongJob({ quarter }: { quarter: number }) {
    return quarter;
  }

  call() {
    return [this.hidden({ quarter: '' }), this.wrongHidden({ quarter: 1 })];
  }
}

// output
export class Outputs {
  @tool({ output: Region })
  plain() {
    return { name: 'north', sales: 1 };
  }

  @tool({ output: z.array(z.number()) })
  async awaited() {
    return [1, 2];
  }

  @tool({ output: z.object({ day: Day }) })
  encoded() {
    return { day: new Date() };
  }

  @tool({ output: Region })
  whole(): ToolResult {
    return toolResult({ content: [], structuredContent: { name: 'north', sales: 1 } });
  }

  @tool()
  anything(): Content[] {
    return [text('north'), image('', 'image/png')];
  }

  // @ts-expect-error: sales is a number
  @tool({ output: Region })
  wrongField() {
    return { name: 'north', sales: 'many' };
  }

  // @ts-expect-error: also when it is awaited
  @tool({ output: z.number() })
  async wrongAwaited() {
    return 'seven';
  }

  // @ts-expect-error: it may return nothing
  @tool({ output: z.number() })
  maybe(): number | undefined {
    return undefined;
  }

  // @ts-expect-error: content alone holds nothing of what the output promises
  @tool({ output: Region })
  contentAlone() {
    return text('north');
  }

  // @ts-expect-error: what travels is made by the server
  @tool({ output: z.object({ day: Day }) })
  alreadyEncoded() {
    return { day: '2026-01-01' };
  }

  // @ts-expect-error: private methods are checked as well
  @tool({ output: z.number() })
  private hidden() {
    return 'seven';
  }

  call() {
    return this.hidden();
  }
}

// @param, @ask and @inject on methods
export class Parameters {
  @tool()
  right(
    @param('name', z.string()) name: string,
    @param('limit', z.number().default(3)) limit: number,
    @param('since', Day.optional()) since: Date | undefined,
    @param('either', z.union([z.string(), z.number()])) either: string | number | boolean,
    @ask('Which?', z.object({ env: z.enum(['staging', 'production']) })) where: { env: 'staging' | 'production' },
    @ask('Sure?', z.boolean()) sure: boolean,
    @ask((input: { name: string }) => `Who is ${input.name}?`, z.string()) who: string,
    @inject(CurrentExecution, { optional: true }) execution: CurrentExecution | undefined,
    @inject(lazy(Warehouse)) warehouse: () => Promise<Warehouse>,
    @param('page', z.number().optional()) page?: number,
  ) {
    return [name, limit, since, either, where.env, sure, who, execution?.key, warehouse, page];
  }

  @tool()
  wrong(
    // @ts-expect-error: the schema gives a string
    @param('name', z.string()) name: number,
    // @ts-expect-error: it may be absent
    @param('limit', z.number().optional()) limit: number,
    // @ts-expect-error: the schema gives a Date
    @param('since', Day) since: string,
    // @ts-expect-error: the schema gives more
    @param('either', z.union([z.string(), z.number()])) either: string,
    // @ts-expect-error: the user gives an environment
    @ask('Which?', z.object({ env: z.string() })) where: { region: string },
    // @ts-expect-error: the user gives a boolean
    @ask('Sure?', z.boolean()) sure: string,
    // @ts-expect-error: there may be none
    @inject(CurrentExecution, { optional: true }) execution: CurrentExecution,
    // @ts-expect-error: lazy gives a function
    @inject(lazy(Warehouse)) warehouse: Warehouse,
  ) {
    return [name, limit, since, either, where, sure, execution, warehouse];
  }

  call() {
    return [this.hidden('north'), this.kept(true)];
  }

  // Private and protected methods cannot be seen from outside, so that their parameters pass.
  @tool()
  private hidden(@param('name', z.string()) name: string) {
    return name;
  }

  @tool()
  protected kept(@ask('Sure?', z.boolean()) sure: boolean) {
    return sure;
  }
}

// options
export class Options {
  @tool({ name: 'a', task: true, timeout: '30s', retry: { attempts: 3, delay: '1s', backoff: 'fixed' } })
  all() {
    return 'all';
  }

  // @ts-expect-error: there is no such mode
  @tool({ task: 'sometimes' })
  mode() {
    return 'mode';
  }

  // @ts-expect-error: a duration has a unit
  @tool({ timeout: 'long' })
  duration() {
    return 'duration';
  }

  // @ts-expect-error: there is no such option
  @tool({ descripton: 'Misspelt' })
  misspelt() {
    return 'misspelt';
  }

  // @ts-expect-error: no client sees a job
  @job({ description: 'Refresh' })
  described() {
    return 'described';
  }

  // @ts-expect-error: a component is a method
  @tool()
  readonly field = 1;

  // @ts-expect-error: and has a name of its own
  @tool()
  [Symbol.iterator]() {
    return [].values();
  }
}

// defineTool and defineJob
export const greet = defineTool({
  name: 'greet',
  input: Quarter,
  output: z.string(),
  inject: [
    Context,
    Progress,
    Warehouse,
    Clock,
    lazy(Warehouse),
    { token: CurrentExecution, optional: true },
    { token: Clock },
    'text',
  ],
  run: async (input, ctx, progress, warehouse, clock, later, execution, same, untyped) => {
    const all: [
      Quarter,
      Context,
      Progress,
      Warehouse,
      { now(): number },
      () => Promise<Warehouse>,
      CurrentExecution | undefined,
      { now(): number },
      unknown,
    ] = [input, ctx, progress, warehouse, clock, later, execution, same, untyped];
    // @ts-expect-error: it may be absent
    execution.key;
    // @ts-expect-error: the schema gives no year
    input.year;
    return `${all.length}`;
  },
});
export const bare = defineTool({ name: 'bare', run: () => 'nothing needed' });
export const index = defineJob({
  name: 'index',
  input: z.object({ full: z.boolean() }),
  output: Region,
  run: ({ full }) => ({ name: 'north', sales: full ? 2 : 1 }),
});
export const sweep = defineJob({ name: 'sweep', inject: [Logger], run: (_input, logger) => logger.info('swept') });
// @ts-expect-error: the output is a number
defineTool({ name: 'wrong-output', output: z.number(), run: () => 'seven' });
// @ts-expect-error: content alone holds nothing of what the output promises
defineTool({ name: 'content-alone', output: z.number(), run: () => text('seven') });
// @ts-expect-error: the input is a quarter
defineTool({ name: 'wrong-input', input: Quarter, run: (input: { year: number }) => input.year });
// @ts-expect-error: the list gives a Context
defineTool({ name: 'wrong-injected', inject: [Context], run: (_input, progress: Progress) => progress.total });
// @ts-expect-error: the list gives one
defineTool({ name: 'too-many', inject: [Context], run: (_input, ctx: Context, more: Progress) => [ctx, more] });
// @ts-expect-error: a definition has a name
defineTool({ run: () => 'nameless' });

// ctx.elicit
export async function asking(ctx: Context): Promise<unknown> {
  const publish = await ctx.elicit('Publish?', z.object({ publish: z.boolean(), note: z.string().optional() }));
  same<Same<typeof publish.action, 'accept' | 'decline' | 'cancel'>>();
  // @ts-expect-error: there is no content before it is known to be accepted
  publish.content.publish;
  if (publish.action === 'accept') {
    same<Same<typeof publish.content, { publish: boolean; note?: string | undefined }>>();
    // @ts-expect-error: nobody asked for that
    publish.content.when;
  }
  const name = await ctx.elicit('Name?', z.string(), { key: 'name', deadline: '5m' });
  const size = await ctx.elicit('Size?', z.enum(['small', 'large']));
  const day = await ctx.elicit('When?', Day);
  if (name.action === 'accept') same<Same<typeof name.content, string>>();
  if (size.action === 'accept') same<Same<typeof size.content, 'small' | 'large'>>();
  if (day.action === 'accept') same<Same<typeof day.content, Date>>();
  // @ts-expect-error: the schema is one of zod
  await ctx.elicit('Name?', { type: 'string' });
  // @ts-expect-error: there is no such level
  await ctx.log('loud', 'now');
  // @ts-expect-error: a decline has no content
  return name.action === 'decline' && name.content;
}
