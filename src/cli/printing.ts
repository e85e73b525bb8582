/** Characters that control a terminal or disguise text: control characters, and those that change text direction. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Untrusted text on one line, with every unprintable character escaped. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** As {@link printable}, but keeps line breaks. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** One line of JSON, with unprintable characters escaped as in JSON, so that programs read the original text. */
export function jsonLine(value: unknown): string {
  const escaped = JSON.stringify(value).replace(unprintable, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return `${escaped}\n`;
}

/** Rows under headings. Lines are cut at `width`, so the last column should be the least important. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], width = Infinity): string {
  const cells = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) => {
      const line = row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
      return `${line.length > width ? `${line.slice(0, Math.max(width - 1, 1))}…` : line}\n`;
    })
    .join('');
}

/** Names and values, one pair per line. Names without a value are left out. */
export function sheet(entries: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('');
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A span of time in its largest whole unit: `5m`. */
export function span(ms: number): string {
  const [name, size] = units.find(([, each]) => ms >= each) ?? ['s', 1_000];
  return `${Math.floor(Math.max(ms, 0) / size)}${name}`;
}
