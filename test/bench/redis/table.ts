const width = 58;

/** A line, then what the numbers of the next rows are. */
export function head(...columns: readonly string[]): void {
  console.log(`\n${''.padEnd(width)} ${columns.map((column) => column.padStart(10)).join(' ')}`);
}

/** What was measured, its numbers, and what they come to. */
export function row(what: string, values: readonly (number | string)[], remark = ''): void {
  const cells = values.map((value) => (typeof value === 'string' ? value : rounded(value)).padStart(10));
  console.log(`${what.padEnd(width)} ${cells.join(' ')}   ${remark}`.trimEnd());
}

/** With as many digits as mean something. */
function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/** The value below which so much of all is: 0.5 is the median. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const place = (sorted.length - 1) * part;
  const [below = NaN, above = NaN] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place % 1);
}
