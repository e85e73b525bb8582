/** What people type for a command, by the command that does it. */
export type Synonyms<Name extends string> = Readonly<Partial<Record<Name, readonly string[]>>>;

/**
 * The command that was probably meant by an unknown name, for an error message; undefined if none comes to mind: one for which
 * it is a synonym, or one that differs by a slip of the keyboard.
 */
export function meantBy<Name extends string>(
  given: string,
  names: readonly Name[],
  synonyms: Synonyms<Name>,
): Name | undefined {
  const wanted = given.toLowerCase().replace(/^-+/, '');
  const bySense = names.find((name) => name === wanted || synonyms[name]?.includes(wanted));
  if (bySense !== undefined || wanted.length > longestSlip) return bySense;
  const near = names.map((name) => ({ name, edits: editsBetween(wanted, name) })).sort((a, b) => a.edits - b.edits)[0];
  return near !== undefined && near.edits <= (near.name.length > 4 ? 2 : 1) ? near.name : undefined;
}

/** No name is so long that anything longer could be a slip. */
const longestSlip = 20;

/** How many letters have to be added, removed, replaced or swapped with their neighbour. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return at(a.length, b.length);
}
