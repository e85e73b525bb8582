import { z } from 'zod';

/** A value of a schema that contains itself. */
export interface Tree {
  readonly name: string;
  readonly children: readonly Tree[];
}

export const Tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});
