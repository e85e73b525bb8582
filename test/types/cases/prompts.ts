/** What must and must not compile with prompts and resources. Compiled by test/types/types.test.ts, never run. */
import { assistantMessage, Context, image, param, prompt, resource, tool, userMessage } from 'errand';
import { z } from 'zod';

const Change = z.object({ diff: z.string(), depth: z.coerce.number().optional() });
type Change = z.infer<typeof Change>;

export class Prompts {
  @prompt({ input: Change, task: 'optional' })
  async review({ diff }: Change, ctx: Context) {
    await ctx.info(diff);
    return [userMessage(diff), assistantMessage('Read it.'), 'and more'];
  }

  @prompt()
  text(@param('name', z.string()) name: string) {
    return name;
  }

  @prompt()
  picture() {
    return image('AA==', 'image/png');
  }

  // @ts-expect-error a prompt gives messages, not data
  @prompt()
  data() {
    return { role: 'user', content: 'text' };
  }

  // @ts-expect-error a number is no message
  @prompt()
  count() {
    return Promise.resolve(7);
  }

  // @ts-expect-error the method takes something else than its input
  @prompt({ input: Change })
  other({ name }: { name: string }) {
    return name;
  }

  // @ts-expect-error prompts have no output schema
  @prompt({ output: z.string() })
  output() {
    return 'text';
  }
}

export class Resources {
  @resource('reports://{quarter}', { mimeType: 'text/markdown', annotations: { audience: ['user'] }, task: true })
  report(@param('quarter', z.string()) quarter: string, ctx: Context) {
    return `${quarter} ${ctx.component}`;
  }

  @resource('reports://all', { input: z.object({}) })
  all(_input: object) {
    return { any: ['data'] };
  }

  // @ts-expect-error a resource is at a URI
  @resource({ name: 'nowhere' })
  nowhere() {
    return '';
  }
}

export class Immediate {
  @tool({
    input: Change,
    task: 'optional',
    immediateResponse: ({ diff, depth }) => `${diff.length} ${depth?.toFixed()}`,
  })
  review({ diff }: Change) {
    return diff;
  }

  // @ts-expect-error the input has no such field
  @tool({ input: Change, immediateResponse: ({ nothing }) => `${nothing}` })
  other({ diff }: Change) {
    return diff;
  }
}
