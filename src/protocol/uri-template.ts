import { ErrandError } from '../base/errors.js';

/** The maximum length of a URI, in characters. Longer ones match nothing. */
const maximumLength = 8_192;

interface Variable {
  readonly name: string;
  /** Matches a character that its value may contain. */
  readonly allowed: RegExp;
  /** Whether commas in its value separate several values. */
  readonly isList: boolean;
}

/** A part of a template: literal text, or a variable whose value has at least one character. */
type Part = string | Variable;

/** Maps each index of a URI at which a part may begin to the last index at which it may end so that the rest fits as well. */
type Ends = (begin: number) => number | undefined;

/** A URI template (RFC 6570), for matching URIs. */
export class UriTemplate {
  private readonly parts: readonly Part[];

  /** @throws {ErrandError} `COMPONENT_INVALID` for an invalid template. */
  constructor(text: string) {
    this.parts = partsOf(text);
  }

  /** Whether a text contains expressions such as `{name}`. */
  static isTemplate(text: string): boolean {
    return /\{[^}\s]+\}/.test(text);
  }

  get variableNames(): readonly string[] {
    return this.parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
  }

  /**
   * Returns the decoded values of the variables, or undefined if the URI does not match. Where it matches in several ways,
   * the first variable takes as much as it can, then the second. Clients choose the URI, so matching takes linear time,
   * which a regular expression with several variables does not guarantee.
   */
  match(uri: string): Record<string, string | string[]> | undefined {
    if (uri.length > maximumLength) return undefined;
    const ends = this.endsIn(uri);
    if (ends === undefined) return undefined;
    try {
      return Object.fromEntries(
        this.parts.flatMap((part, index) => {
          if (typeof part === 'string') return [];
          const value = uri.slice(ends[index - 1] ?? 0, ends[index]);
          const isList = part.isList && value.includes(',');
          return [[part.name, isList ? value.split(',').map(decodeURIComponent) : decodeURIComponent(value)]];
        }),
      );
    } catch {
      return undefined; // an invalid percent sequence
    }
  }

  /** The index at which each part ends. */
  private endsIn(uri: string): number[] | undefined {
    const [first] = this.parts;
    if (typeof first === 'string' && !uri.startsWith(first)) return undefined;
    const all: Ends[] = [];
    let rest: Ends = (begin) => (begin === uri.length ? begin : undefined);
    for (const part of [...this.parts].reverse()) {
      rest = typeof part === 'string' ? endsOfText(part, uri, rest) : endsOfValue(part, uri, rest);
      all.unshift(rest);
    }
    const ends: number[] = [];
    for (const endOf of all) {
      const end = endOf(ends.at(-1) ?? 0);
      if (end === undefined) return undefined;
      ends.push(end);
    }
    return ends;
  }
}

function endsOfText(text: string, uri: string, rest: Ends): Ends {
  return (begin) => {
    const end = begin + text.length;
    return uri.startsWith(text, begin) && rest(end) !== undefined ? end : undefined;
  };
}

function endsOfValue({ allowed }: Variable, uri: string, rest: Ends): Ends {
  const ends: (number | undefined)[] = [];
  let furthest: number | undefined;
  for (let begin = uri.length - 1; begin >= 0; begin--) {
    if (!allowed.test(uri.charAt(begin))) furthest = undefined;
    else if (furthest === undefined && rest(begin + 1) !== undefined) furthest = begin + 1;
    ends[begin] = furthest;
  }
  return (begin) => ends[begin];
}

function partsOf(template: string): Part[] {
  const parts: Part[] = [];
  for (const [whole, expression = ''] of template.matchAll(/[^{]+|\{([^}]*)\}?/g)) {
    if (!whole.startsWith('{')) parts.push(whole);
    else if (whole.endsWith('}')) parts.push(...variablesOf(expression));
    else throw invalid(`'${whole}' at its end has no '}'`);
  }
  return parts;
}

interface Operator {
  /** The text before the first variable of an expression. */
  readonly first: string;
  /** The text before each further variable. */
  readonly next: string;
  readonly allowed: RegExp;
  /** Whether the name of a variable precedes its value. */
  readonly isNamed?: boolean;
}

const simple: Operator = { first: '', next: ',', allowed: /[^/,]/ };

const operators: Readonly<Record<string, Operator>> = {
  '+': { first: '', next: ',', allowed: /./ },
  '#': { first: '#', next: ',', allowed: /./ },
  '.': { first: '.', next: '.', allowed: simple.allowed },
  '/': { first: '/', next: '/', allowed: simple.allowed },
  '?': { first: '?', next: '&', allowed: /[^&]/, isNamed: true },
  '&': { first: '&', next: '&', allowed: /[^&]/, isNamed: true },
};

function variablesOf(expression: string): Part[] {
  const operator = operators[expression.charAt(0)];
  const { first, next, allowed, isNamed = false } = operator ?? simple;
  const names = (operator === undefined ? expression : expression.slice(1)).split(',');
  return names.flatMap((written, index): Part[] => {
    const name = written.trim().replace(/\*$/, '');
    if (name === '') throw invalid(`{${expression}} names no variable`);
    const isList = written.trim() !== name;
    const before = (index === 0 ? first : next) + (isNamed ? `${name}=` : '');
    const variable = { name, allowed: isList && allowed === simple.allowed ? /[^/]/ : allowed, isList };
    return before === '' ? [variable] : [before, variable];
  });
}

const invalid = (why: string): ErrandError => new ErrandError('COMPONENT_INVALID', why);
