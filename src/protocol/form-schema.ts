/**
 * Says why content does not fit the schema of a form, in the words of the SDK's validator, by which clients check it too;
 * undefined if it fits. Loads the validator, which few programs need.
 */
export async function misfitOf(schema: object, content: unknown): Promise<string | undefined> {
  const { AjvJsonSchemaValidator } = await import('@modelcontextprotocol/sdk/validation/ajv');
  const { errorMessage } = new AjvJsonSchemaValidator().getValidator(schema)(content);
  return errorMessage?.replace(/(^|, )data(?=[ /])/g, '$1content');
}
