import { extname } from 'node:path';
import { Context, createServer, injectable, Logger, Progress, stderrSink, tool, ToolError } from 'errand';
import { z } from 'zod';
import { FileSystem } from './file-system.js';

const languages: Record<string, string> = {
  '.c': 'C',
  '.css': 'CSS',
  '.go': 'Go',
  '.html': 'HTML',
  '.java': 'Java',
  '.js': 'JavaScript',
  '.json': 'JSON',
  '.md': 'Markdown',
  '.py': 'Python',
  '.rs': 'Rust',
  '.sh': 'Shell',
  '.ts': 'TypeScript',
  '.yaml': 'YAML',
  '.yml': 'YAML',
};

const Folder = z.object({ path: z.string().describe('Absolute path of the folder to examine') });

export const Report = z.object({
  path: z.string(),
  testsCounted: z.boolean(),
  files: z.int(),
  lines: z.int(),
  languages: z.array(z.object({ language: z.string(), files: z.int(), lines: z.int() })),
});
type Report = z.infer<typeof Report>;

interface CountedFile {
  readonly language: string;
  readonly lines: number;
  readonly isTest: boolean;
}

/** Each call gets a new instance, with the server's only FileSystem. */
@injectable()
export class ReportTools {
  constructor(private readonly files: FileSystem) {}

  /** Runs inside the client's request or, if the client asks for a task, in the background. */
  @tool({
    title: 'Repository report',
    description: 'Count the files and lines of each language in a folder',
    input: Folder,
    output: Report,
    task: 'optional',
    annotations: { readOnlyHint: true },
  })
  async repositoryReport({ path }: z.infer<typeof Folder>, ctx: Context, progress: Progress, signal: AbortSignal) {
    const counted = await this.count(path, progress, signal);
    const tests = counted.filter(({ isTest }) => isTest);
    const testsCounted = tests.length > 0 && (await this.askWhetherToCount(tests, ctx));
    return toReport(path, testsCounted, testsCounted ? counted : counted.filter(({ isTest }) => !isTest));
  }

  private async count(path: string, progress: Progress, signal: AbortSignal): Promise<CountedFile[]> {
    const known = (await this.list(path)).filter((file) => extname(file) in languages);
    const counted: CountedFile[] = [];
    await progress.setTotal(known.length);
    for (const file of known) {
      signal.throwIfAborted();
      const language = languages[extname(file)] ?? 'Other';
      counted.push({ language, lines: await this.files.countLines(path, file), isTest: isTest(file) });
      await progress.setMessage(file);
      await progress.increment();
    }
    return counted;
  }

  private async list(path: string): Promise<string[]> {
    try {
      return await this.files.list(path);
    } catch (error) {
      throw new ToolError(`Cannot read the folder ${path}`, { cause: error });
    }
  }

  private async askWhetherToCount(tests: readonly CountedFile[], ctx: Context): Promise<boolean> {
    const lines = tests.reduce((sum, file) => sum + file.lines, 0);
    const answer = await ctx.elicit(
      `${tests.length} files with ${lines} lines are tests. Count them too?`,
      z.boolean(),
    );
    return answer.action === 'accept' && answer.content;
  }
}

const isTest = (file: string): boolean => /(^|[/\\])(tests?|__tests__|spec)[/\\]|\.(test|spec)\.\w+$/.test(file);

function toReport(path: string, testsCounted: boolean, files: readonly CountedFile[]): Report {
  const byLanguage = new Map<string, { language: string; files: number; lines: number }>();
  for (const { language, lines } of files) {
    const row = byLanguage.get(language) ?? { language, files: 0, lines: 0 };
    byLanguage.set(language, { language, files: row.files + 1, lines: row.lines + lines });
  }
  const rows = [...byLanguage.values()];
  return {
    path,
    testsCounted,
    files: files.length,
    lines: rows.reduce((sum, { lines }) => sum + lines, 0),
    languages: rows.sort((one, other) => other.lines - one.lines),
  };
}

export default createServer({
  name: 'repository-report',
  version: '1.0.0',
  components: [ReportTools],
  providers: [FileSystem],
  // The client shares this terminal, and by default each task is logged.
  logger: new Logger(stderrSink('warning')),
});
