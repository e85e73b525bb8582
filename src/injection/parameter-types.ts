/**
 * The type of the parameter that a decorator is applied to. `Key` is `undefined` for constructors. Private methods and
 * constructors, whose types cannot be seen from outside, yield `unknown`, which everything fits.
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
 * `unknown` when `Given` is assignable to `Taken`, otherwise an object type that makes the compiler print both. A
 * `Given` of type `unknown` is not checked.
 */
export type Fit<Given, Taken, Label extends string> = unknown extends Given
  ? unknown
  : [Given] extends [Taken]
    ? unknown
    : { [Key in Label | 'but the parameter takes']: Key extends Label ? Given : Taken };

/**
 * A parameter decorator that compiles only where `Given` fits the parameter. The index carries the check, because it
 * is the only argument with a literal type even for private methods and constructors.
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
