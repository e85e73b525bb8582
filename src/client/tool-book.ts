import type { Tool } from '../protocol/types.js';

/** What a client knows of its server's tools, read when it is first needed. */
export class ToolBook {
  private known: Promise<ReadonlyMap<string, Tool>> | undefined;

  constructor(private readonly list: () => Promise<Tool[]>) {}

  /** The tool, or undefined if the server does not list it. */
  async find(name: string): Promise<Tool | undefined> {
    this.known ??= this.read();
    return (await this.known).get(name);
  }

  /** Takes over a list that was read for another reason. */
  learn(tools: readonly Tool[]): void {
    this.known = Promise.resolve(byName(tools));
  }

  /** The tools may have changed. */
  forget(): void {
    this.known = undefined;
  }

  /** Whether a call of the tool changes nothing, or nothing more when it is repeated. */
  async isHarmless(name: string): Promise<boolean> {
    const { annotations } = (await this.find(name)) ?? {};
    return annotations?.readOnlyHint === true || annotations?.idempotentHint === true;
  }

  /** Whether the tool may be called as a task; undefined if that is not known. */
  async allowsTask(name: string): Promise<boolean | undefined> {
    const tool = await this.find(name).catch(() => undefined);
    if (tool === undefined) return undefined;
    const { taskSupport = 'forbidden' } = tool.execution ?? {};
    return taskSupport !== 'forbidden';
  }

  private async read(): Promise<ReadonlyMap<string, Tool>> {
    try {
      return byName(await this.list());
    } catch (error) {
      this.known = undefined;
      throw error;
    }
  }
}

const byName = (tools: readonly Tool[]): ReadonlyMap<string, Tool> => new Map(tools.map((tool) => [tool.name, tool]));
