import { ErrandError } from '../base/errors.js';

/** Longer URIs match nothing. */
const longestUri = 8_192;

interface Variable {
  readonly name: string;
  /** What one character of its value may be. */
  readonly allowed: RegExp;
  /** Whether a comma in its value separates several. */
  readonly isList: boolean;
}

/** A piece of a template: a text, or a variable whose value has at least one character. */
type Part = string | Variable;

/** For each place of a URI where a part may begin: the last place where it may end so that the rest fits as well. */
type Ends = (begin: number) => number | undefined;

/** A URI template (RFC 6570), matched against the URIs that clients ask for. */
export class UriTemplate {
  private readonly parts: readonly Part[];

  /** @throws {ErrandError} `COMPONENT_INVALID` for a template that cannot be read. */
  constructor(text: string) {
    this.parts = partsOf(text);
  }

  /** Whether a text has expressions such as `{name}`. */
  static isTemplate(text: string): boolean {
    return /\{[^}\s]+\}/.test(text);
  }

  get variableNames(): readonly string[] {
    return this.parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
  }

  /**
   * The values of the variables, decoded; undefined for a URI that does not fit. Where several readings fit, the first
   * variable takes as much as it can, then the second. Clients choose the URI, so the time grows with its length and no
   * faster, which a regular expression with several variables does not promise.
   */
  match(uri: string): Record<string, string | string[]> | undefined {
    if (uri.length > longestUri) return undefined;
    const ends = this.read(uri);
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
      return undefined; // a broken percent sequence names nothing
    }
  }

  /** Where each part ends. */
  private read(uri: string): number[] | undefined {
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
    else throw unreadable(`'${whole}' at its end has no '}'`);
  }
  return parts;
}

interface Operator {
  /** What stands before the first variable of an expression. */
  readonly first: string;
  /** What stands before the others. */
  readonly next: string;
  readonly allowed: RegExp;
  /** Whether the name of the variable stands before its value. */
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
    if (name === '') throw unreadable(`{${expression}} names no variable`);
    const isList = written.trim() !== name;
    const before = (index === 0 ? first : next) + (isNamed ? `${name}=` : '');
    const variable = { name, allowed: isList && allowed === simple.allowed ? /[^/]/ : allowed, isList };
    return before === '' ? [variable] : [before, variable];
  });
}

const unreadable = (why: string): ErrandError => new ErrandError('COMPONENT_INVALID', why);
