import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of dependencies and build output. */
const skipped = new Set(['node_modules', '.git', 'dist', 'build', 'coverage', '.cache']);

/** The disk, as a provider: tests pass the tools a different one. */
export class FileSystem {
  /** Lists all files below a folder, relative to it, in alphabetical order. */
  async list(root: string, below = ''): Promise<string[]> {
    const files: string[] = [];
    const entries = await readdir(join(root, below), { withFileTypes: true });
    for (const entry of entries.sort((one, other) => one.name.localeCompare(other.name))) {
      const path = join(below, entry.name);
      if (entry.isDirectory() && !skipped.has(entry.name)) files.push(...(await this.list(root, path)));
      else if (entry.isFile()) files.push(path);
    }
    return files;
  }

  /** Counts the lines of a text file. */
  async countLines(root: string, path: string): Promise<number> {
    const text = await readFile(join(root, path), 'utf8');
    return text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  }
}
