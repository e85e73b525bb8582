import {
  Context,
  createServer,
  CurrentExecution,
  CurrentWorker,
  injectable,
  Progress,
  tool,
  type ElicitAnswer,
} from 'errand';
import { z } from 'zod';
import { Catalogue } from './catalogue.js';

const Order = z.object({ suppliers: z.array(z.string()).min(1).describe('The suppliers whose price lists to import') });

const Report = z.object({
  convertedToEuros: z.boolean(),
  published: z.boolean(),
  imported: z.array(z.object({ supplier: z.string(), worker: z.string() })),
  finishedBy: z.string().describe('The worker that finished the import'),
});

@injectable()
export class ImportTools {
  constructor(private readonly catalogue: Catalogue) {}

  /**
   * If its worker dies, another runs the method again from the top. Questions that were already answered return that answer
   * at once, and lists already in the catalogue are not imported again.
   */
  @tool({
    title: 'Import the catalogue',
    description: 'Import the price lists of suppliers into the shop',
    input: Order,
    output: Report,
    task: 'required',
  })
  async importCatalogue(
    { suppliers }: z.infer<typeof Order>,
    ctx: Context,
    progress: Progress,
    execution: CurrentExecution,
    worker: CurrentWorker,
    signal: AbortSignal,
  ): Promise<z.infer<typeof Report>> {
    const convertedToEuros = isYes(await ctx.elicit('Some prices are in francs. Convert them to euros?', z.boolean()));
    const before = await this.catalogue.importedBy(execution.key);
    const half = Math.ceil(suppliers.length / 2);
    let published = false;
    for (const [index, supplier] of suppliers.entries()) {
      if (index === half) published = isYes(await ctx.elicit('Half of it is in. Publish it at the end?', z.boolean()));
      if (supplier in before) continue;
      await this.catalogue.import(execution.key, supplier, worker.name, signal);
      await progress.report(index + 1, suppliers.length, `${worker.name} imported ${supplier}`);
    }
    const importedBy = await this.catalogue.importedBy(execution.key);
    return {
      convertedToEuros,
      published,
      imported: suppliers.map((supplier) => ({ supplier, worker: importedBy[supplier] ?? 'nobody' })),
      finishedBy: worker.name,
    };
  }
}

const isYes = (answer: ElicitAnswer<boolean>): boolean => answer.action === 'accept' && answer.content;

export default createServer({
  name: 'worker-fleet',
  version: '1.0.0',
  components: [ImportTools],
  providers: [Catalogue],
  docket: {
    // Nodes only serve. `errand worker` runs the tasks, from this same file.
    worker: false,
    // Lets another worker take over within about two seconds. The default, 10 seconds, tolerates a busier machine.
    lease: '2s',
  },
});
