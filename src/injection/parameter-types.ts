/**
 * The type of the parameter that a parameter decorator stands before. `Key` is `undefined` for constructors. What cannot
 * be seen from outside (private methods, private constructors) is `unknown`, which everything fits.
 */
export type ParameterOf<Target, Key, Index> = [Key] extends [undefined]
  ? Target extends abstract new (...args: infer Parameters) => unknown
    ? At<Parameters, Index>
    : unknown
  : Key extends keyof Target
    ? Target[Key] extends (...args: infer Parameters) => unknown
      ? At<Parameters, Index>
      : unknown
    : unknown;

type At<Parameters, Index> = Index extends keyof Parameters ? Parameters[Index] : unknown;

/**
 * `unknown` when `Given` may be passed where `Taken` is wanted, else an object type whose two properties make the
 * compiler print both. What is given without a type (`unknown`) is left to the author.
 */
export type Fit<Given, Taken, Label extends string> = unknown extends Given
  ? unknown
  : [Given] extends [Taken]
    ? unknown
    : { [Key in Label | 'but the parameter takes']: Key extends Label ? Given : Taken };

/**
 * A parameter decorator that compiles only where `Given` fits the parameter. The index carries the check, because it is
 * the one argument whose literal type is known for private methods and constructors too.
 */
export type TypedParameterDecorator<Given, Label extends string> = <
  Target extends object,
  Key extends string | symbol | undefined,
  Index extends number,
>(
  target: Target,
  key: Key,
  index: Index & Fit<Given, ParameterOf<Target, Key, Index>, Label>,
) => void;
