import { findSourceMap, SourceMap } from 'node:module';

const inlineMap = /\/\/# sourceMappingURL=data:application\/json;[^,]*base64,([\w+/=]+)\s*$/;

/** Makes stack traces name the lines of the sources. Node.js does so only for modules that it has loaded itself. */
export class StackLines {
  /** What was compiled, by the path of the source. Its map is read when an error needs it. */
  private readonly compiled = new Map<string, string>();
  private readonly maps = new Map<string, SourceMap | undefined>();

  /** Adds a file with the code that it was compiled to, at whose end is its source map. */
  add(file: string, code: string): void {
    this.compiled.set(file, code);
    this.maps.delete(file);
  }

  /** From now on, `stack` of any error has the lines of the sources. Who sets `Error.prepareStackTrace` later, prevails. */
  install(): void {
    Error.prepareStackTrace = (error, frames) =>
      [headOf(error), ...frames.map((frame) => `    at ${this.describe(frame)}`)].join('\n');
  }

  private describe(frame: NodeJS.CallSite): string {
    const text = (frame as { toString(): string }).toString();
    const file = frame.getFileName();
    const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
    if (file == null || line === null || column === null) return text;
    const map = this.mapOf(file) ?? findSourceMap(file);
    const entry = map?.findEntry(line - 1, column - 1);
    if (entry === undefined || !('originalLine' in entry)) return text;
    const source = this.compiled.has(file) ? file : entry.originalSource;
    return text.replace(`${file}:${line}:${column}`, `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`);
  }

  private mapOf(file: string): SourceMap | undefined {
    const code = this.compiled.get(file);
    if (code !== undefined && !this.maps.has(file)) this.maps.set(file, readMap(code));
    return this.maps.get(file);
  }
}

function readMap(code: string): SourceMap | undefined {
  const [, encoded] = inlineMap.exec(code) ?? [];
  if (encoded === undefined) return undefined;
  return new SourceMap(
    JSON.parse(Buffer.from(encoded, 'base64').toString()) as ConstructorParameters<typeof SourceMap>[0],
  );
}

/** As V8 begins the stack of an error. */
function headOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return '<error>';
  }
}
