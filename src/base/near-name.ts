/** Names that other libraries have for our options, where nothing in the name shows which one is meant. */
const foreignNames: Readonly<Record<string, string>> = {
  parameters: 'input',
  args: 'input',
  arguments: 'input',
  schema: 'input',
  returns: 'output',
  scope: 'lifetime',
  useToken: 'useExisting',
  handler: 'run',
  execute: 'run',
  callback: 'run',
  tools: 'components',
  delay: 'when',
  runAt: 'when',
  tz: 'timezone',
  interval: 'every',
};

/** Longer names are not compared: nobody misspells one of ours that much. */
const longestCompared = 64;

/** The name among `known` that `given` most likely stands for: a misspelling, a longer or shorter form, or a foreign word. */
export function nearName(given: string, known: Iterable<string>): string | undefined {
  const names = [...known].filter((name) => name !== given);
  const foreign = Object.hasOwn(foreignNames, given) ? foreignNames[given] : undefined;
  if (foreign !== undefined && names.includes(foreign)) return foreign;
  if (given.length > longestCompared) return undefined;
  const lower = given.toLowerCase();
  const found = names
    .map((name) => ({ name, distance: distanceBetween(lower, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(name.length, given.length) / 3)
    .sort((one, other) => one.distance - other.distance)[0]?.name;
  return found ?? names.find((name) => extend(lower, name.toLowerCase()));
}

/** `Did you mean "timeout"?` with a space before it; nothing if no name is near. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const near = nearName(given, known);
  return near === undefined ? '' : ` Did you mean ${JSON.stringify(near)}?`;
}

/** Whether one name begins with the other, as `inputSchema` does with `input`. */
const extend = (one: string, other: string): boolean =>
  Math.min(one.length, other.length) >= 4 && (one.startsWith(other) || other.startsWith(one));

/** How many letters have to be inserted, removed, replaced or swapped with their neighbour to turn one name into the other. */
function distanceBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      const replaced = (last[column - 1] ?? 0) + (same ? 0 : 1);
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const swapped = isSwap ? (beforeLast[column - 2] ?? Infinity) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    [beforeLast, last] = [last, next];
  }
  return last[other.length] ?? 0;
}
