import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { z } from 'zod';
import { compileOutput } from '../../../../src/components/results/output.js';
import { toObjectJsonSchema } from '../../../../src/components/schema/json-schema.js';
import { parse } from '../../../../src/components/schema/parse.js';
import { schemaSamples, withoutOne } from '../../../helpers/schema-samples.js';

const stock = new AjvJsonSchemaValidator();
const latest = new Ajv2020({ strict: false });
addFormats.default(latest);

/** What is wrong with a value: by draft 7, as the stock client checks it, and by draft 2020-12, as MCP says. */
function faultsOf(schema: object): (value: unknown) => (string | undefined)[] {
  const byDraft7 = stock.getValidator(schema);
  const byDraft2020 = latest.compile(schema);
  return (value) => [
    byDraft7(value).errorMessage,
    byDraft2020(value) ? undefined : latest.errorsText(byDraft2020.errors),
  ];
}

const none = [undefined, undefined];
const settings = { seed: 13, numRuns: 100 };

describe('whatever the schema', () => {
  it('[C1] [C2] clients can compile the schema of a result, and the result fits it', async () => {
    await fc.assert(
      fc.asyncProperty(schemaSamples, async ({ schema, returned }) => {
        const output = compileOutput(schema, 'tool');
        const { structuredContent } = (await output.toResult(returned, {})) as { structuredContent: object };
        expect(faultsOf(output.jsonSchema!)(structuredContent)).toEqual(none);
      }),
      settings,
    );
  });

  it('[C1] [C2] what fits the schema of the arguments is accepted', async () => {
    await fc.assert(
      fc.asyncProperty(schemaSamples, async ({ schema, sent }) => {
        const input = z.object({ it: schema });
        const faults = faultsOf(toObjectJsonSchema(input, 'tool: input'));
        expect(faults({ it: sent })).toEqual(none);
        for (const value of [{ it: sent }, ...withoutOne({ it: sent })]) {
          const { ok } = await parse(input, value);
          if (faults(value)[1] === undefined) expect([value, ok]).toEqual([value, true]);
        }
      }),
      settings,
    );
  });
});
