import { UriTemplate as SdkUriTemplate } from '@modelcontextprotocol/sdk/shared/uriTemplate.js';

/** Longer URIs match nothing: patterns with several `{+…}` would take long to say so. */
const longestUri = 8_192;

/** A URI template (RFC 6570), matched against the URIs that clients ask for. */
export class UriTemplate {
  private readonly sdk: SdkUriTemplate;

  /** @throws Error for a template that cannot be read. */
  constructor(readonly text: string) {
    this.sdk = new SdkUriTemplate(text);
  }

  /** Whether a text has expressions such as `{name}`. */
  static isTemplate(text: string): boolean {
    return SdkUriTemplate.isTemplate(text);
  }

  get variableNames(): readonly string[] {
    return this.sdk.variableNames;
  }

  /** The values of the variables, decoded; undefined for a URI that does not fit. */
  match(uri: string): Record<string, string | string[]> | undefined {
    if (uri.length > longestUri) return undefined;
    const found = this.sdk.match(uri);
    if (found === null) return undefined;
    try {
      return Object.fromEntries(
        Object.entries(found).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.map(decodeURIComponent) : decodeURIComponent(value),
        ]),
      );
    } catch {
      return undefined; // a broken percent sequence names nothing
    }
  }
}
