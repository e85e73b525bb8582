/** The part of Babel's tree that is read and changed here. */
interface Node {
  readonly type: string;
  readonly kind?: string;
  readonly params?: readonly Node[];
  readonly parameter?: Node;
  readonly left?: Node;
  readonly expression?: unknown;
  decorators?: Node[] | null;
}

/** The part of Babel that is used here. */
interface Babel {
  readonly types: {
    identifier(name: string): unknown;
    numericLiteral(value: number): unknown;
    callExpression(callee: unknown, args: readonly unknown[]): unknown;
    arrowFunctionExpression(params: readonly unknown[], body: unknown): unknown;
    decorator(expression: unknown): Node;
  };
}

interface File {
  readonly path: {
    traverse(visitor: {
      ClassMethod(method: { readonly node: Node; readonly parentPath: { readonly parent: Node } }): void;
    }): void;
  };
}

/**
 * A plugin for jiti's Babel, which loses the decorators of parameters with a default value. It makes decorators of the method
 * or the class out of them, which pass the position of the parameter, as TypeScript does.
 */
export function decoratedDefaults({ types }: Babel): { pre(file: File): void; visitor: object } {
  const applied = (decorator: Node, index: number, isConstructor: boolean): Node => {
    const [target, key] = [types.identifier('target'), types.identifier('key')];
    const of = isConstructor ? types.identifier('undefined') : key;
    const call = types.callExpression(decorator.expression, [target, of, types.numericLiteral(index)]);
    return types.decorator(types.arrowFunctionExpression([target, key], call));
  };
  return {
    pre: (file) =>
      file.path.traverse({
        ClassMethod({ node, parentPath }) {
          const isConstructor = node.kind === 'constructor';
          const decorated = isConstructor ? parentPath.parent : node;
          for (const [index, parameter] of (node.params ?? []).entries()) {
            const { type, left } = parameter.parameter ?? parameter;
            if (type !== 'AssignmentPattern') continue;
            for (const owner of [parameter, left]) {
              if (owner?.decorators == null) continue;
              const moved = owner.decorators.map((each) => applied(each, index, isConstructor));
              decorated.decorators = [...(decorated.decorators ?? []), ...moved];
              owner.decorators = null;
            }
          }
        },
      }),
    visitor: {},
  };
}
