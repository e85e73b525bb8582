/** The most characters that a message repeats of one text that came from outside. */
export const longestShown = 200;

/**
 * Text of others as a message may repeat it: at most `most` characters, the last of them an ellipsis where something was
 * cut off. A pair of surrogates stays whole.
 */
export function shown(text: string, most: number = longestShown): string {
  if (text.length <= most) return text;
  const end = most - 1;
  const splitsPair = isHighSurrogate(text.charCodeAt(end - 1)) && !isHighSurrogate(text.charCodeAt(end));
  return `${text.slice(0, splitsPair ? end - 1 : end)}…`;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
