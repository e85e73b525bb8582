import { fileURLToPath } from 'node:url';
import { ErrandError } from './errors.js';

/** One copy of this package, as loaded by this process. A second one has classes of its own. */
interface PackageCopy {
  /** A file of it. */
  readonly url: string;
}

const thisCopy: PackageCopy = { url: import.meta.url };

/** Every copy reads the marks of the others. */
const copyKey = Symbol.for('errand.copy');

/** Marks something that works only in servers of this copy of the package. */
export function markCopy(made: object): void {
  Object.defineProperty(made, copyKey, { value: thisCopy });
}

/**
 * Refuses what another copy of the package has marked. Its classes are other tokens than those of the same names here.
 *
 * @param what - names it for the message
 * @throws {ErrandError} `PACKAGE_COPIES`
 */
export function refuseOtherCopy(made: unknown, what: () => string): void {
  const copy = copyOf(made);
  if (copy === undefined || copy === thisCopy) return;
  const [there, here] = [copy, thisCopy].map(folderOf);
  throw new ErrandError(
    'PACKAGE_COPIES',
    there === here
      ? `${what()} comes from errand in ${here}, which was loaded a second time before createServer() was called. After a test runner has reset its modules, import both again.`
      : `${what()} comes from errand in ${there}, but createServer() from errand in ${here}. Load one copy: 'npm ls errand' must list one, and a process that cannot require ES modules must not mix import and require.`,
  );
}

/** The copy that has marked an object itself; a mark that it inherits does not count. */
function copyOf(made: unknown): PackageCopy | undefined {
  const isObject = (typeof made === 'object' && made !== null) || typeof made === 'function';
  return isObject && Object.hasOwn(made, copyKey) ? (made as { [copyKey]: PackageCopy })[copyKey] : undefined;
}

/** The folder of a copy, of which this file is in `base`. Bundled, it is the file of the bundle that says where it is. */
function folderOf({ url }: PackageCopy): string {
  const folder = url.replace(/\/base\/package-copy\.[jt]s$/, '');
  return folder.startsWith('file:') ? fileURLToPath(folder) : folder;
}
