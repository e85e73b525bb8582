/** A parameter, read from the source text of its function. */
export interface SourceParameter {
  /** Absent for destructured parameters. */
  readonly name?: string;
  readonly hasDefault: boolean;
  readonly rest: boolean;
}

/**
 * The parameters of a method, read from its source text: `length` stops at the first default value, and names exist
 * nowhere else. `undefined` for native code.
 */
export function parametersOfMethod(method: (...args: never[]) => unknown): SourceParameter[] | undefined {
  const text = new Source(Function.prototype.toString.call(method));
  const open = text.findTopLevel('(');
  return open === undefined ? undefined : text.parametersFrom(open);
}

/** The parameters of a class's own constructor; `undefined` without one, or when `target` is not a `class`. */
export function parametersOfConstructor(target: object): SourceParameter[] | undefined {
  const text = new Source(Function.prototype.toString.call(target));
  const open = text.findConstructor();
  return open === undefined ? undefined : text.parametersFrom(open);
}

/**
 * Source text as flat tokens. Brackets and commas in strings, comments and regular expressions do not count.
 */
class Source {
  private readonly tokens: string[];

  constructor(text: string) {
    this.tokens = text.includes('[native code]') ? [] : [...tokensOf(text)];
  }

  /** The index of the first `token` outside all brackets. */
  findTopLevel(token: string): number | undefined {
    let depth = 0;
    for (const [index, found] of this.tokens.entries()) {
      if (depth === 0 && found === token) return index;
      depth += depthChange(found);
    }
    return undefined;
  }

  /** The index of the opening bracket after the `constructor` of the class itself, not of a nested one. */
  findConstructor(): number | undefined {
    if (this.tokens[0] !== 'class') return undefined;
    const body = this.findTopLevel('{');
    let depth = 0;
    for (let index = body ?? this.tokens.length; index < this.tokens.length; index++) {
      depth += depthChange(this.tokens[index]);
      if (depth === 1 && this.isConstructor(index)) return index + 1;
    }
    return undefined;
  }

  private isConstructor(index: number): boolean {
    const before = this.tokens[index - 1] ?? '';
    return (
      this.tokens[index] === 'constructor' &&
      this.tokens[index + 1] === '(' &&
      !['.', '?.', 'static', 'new'].includes(before)
    );
  }

  /** The parameters between the bracket at `open` and the one that closes it. */
  parametersFrom(open: number): SourceParameter[] {
    const parameters: SourceParameter[] = [];
    let depth = 0;
    let current: string[] = [];
    for (let index = open; index < this.tokens.length; index++) {
      const found = this.tokens[index] ?? '';
      const ends = depth === 1 && (found === ',' || found === ')');
      depth += depthChange(found);
      if (ends) {
        if (current.length > 0) parameters.push(parameterOf(current));
        current = [];
        if (depth === 0) return parameters;
      } else if (index > open) {
        current.push(found);
      }
    }
    return parameters;
  }
}

function parameterOf(tokens: readonly string[]): SourceParameter {
  const rest = tokens[0] === '...';
  const first = tokens[rest ? 1 : 0] ?? '';
  let depth = 0;
  let hasDefault = false;
  for (const token of tokens) {
    depth += depthChange(token);
    if (depth === 0 && token === '=') hasDefault = true;
  }
  return { ...(isWord(first) ? { name: first } : {}), hasDefault, rest };
}

function depthChange(token: string | undefined): number {
  if (token === '(' || token === '[' || token === '{') return 1;
  return token === ')' || token === ']' || token === '}' ? -1 : 0;
}

function isWord(token: string): boolean {
  return /^[\p{ID_Start}$_#]/u.test(token);
}

const space = /\s+|\/\/.*|\/\*[^]*?\*\//y;
const quoted = /'(?:\\[^]|[^'\\])*'|"(?:\\[^]|[^"\\])*"/y;
const word = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const number = /\d[\w.]*/y;
const expression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/y;
const operator = /\.\.\.|\?\.|=>|[=!]==?|[<>]=|[^]/y;

/** Words after which a slash begins a regular expression, not a division. */
const beforeExpression = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'do',
  'else',
  'void',
  'delete',
  'throw',
  'new',
]);

function* tokensOf(text: string): Generator<string> {
  let at = 0;
  let last = '';
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < text.length) {
    if (take(space) !== undefined) continue;
    const isDivision =
      last === ')' || last === ']' || last === '}' || (/^[\w$#'"`]/.test(last) && !beforeExpression.has(last));
    const found =
      take(quoted) ??
      (text[at] === '`' ? '`' : undefined) ??
      take(word) ??
      take(number) ??
      (isDivision ? undefined : take(expression)) ??
      take(operator) ??
      '';
    if (found === '`') at = endOfTemplate(text, at);
    yield (last = found);
  }
}

/** The position after the template literal that begins at `start`. */
function endOfTemplate(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '`') return at + 1;
    else if (text.startsWith('${', at)) at = endOfSubstitution(text, at + 2) - 1;
  }
  return text.length;
}

function endOfSubstitution(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '`') {
      at = endOfTemplate(text, at) - 1;
    } else if (character === "'" || character === '"') {
      quoted.lastIndex = at;
      at += (quoted.exec(text)?.[0].length ?? 1) - 1;
    } else {
      depth += character === '{' ? 1 : character === '}' ? -1 : 0;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
