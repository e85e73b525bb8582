/** The most characters of an outside text that a message quotes. */
export const longestShown = 200;

/**
 * Shortens an outside text to quote it in a message: at most `most` characters, the last an ellipsis when something was
 * cut off. Surrogate pairs stay whole.
 */
export function shown(text: string, most: number = longestShown): string {
  if (text.length <= most) return text;
  const end = most - 1;
  const splitsPair = isHighSurrogate(text.charCodeAt(end - 1)) && !isHighSurrogate(text.charCodeAt(end));
  return `${text.slice(0, splitsPair ? end - 1 : end)}…`;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
