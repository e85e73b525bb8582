import { nearName } from '../base/near-name.js';

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
  return bySense ?? (nearName(wanted, names) as Name | undefined);
}
