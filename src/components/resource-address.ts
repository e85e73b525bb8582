import { ErrandError, messageOf } from '../base/errors.js';
import { UriTemplate } from '../protocol/uri-template.js';
import type { ObjectJsonSchema } from './schema/json-schema.js';

/** The address of a resource: one URI, or a template. */
export class ResourceAddress {
  /** Absent for a fixed URI. */
  readonly template: UriTemplate | undefined;

  /** @throws {ErrandError} `COMPONENT_INVALID` */
  constructor(
    /** The URI, or the text of the template. */
    readonly uri: string,
    private readonly label: string,
  ) {
    if (!/^[A-Za-z][A-Za-z0-9+.-]*:./.test(uri)) {
      throw this.invalid(`the URI ${JSON.stringify(uri)} has no scheme. Add one, as in 'reports://{quarter}'.`);
    }
    try {
      this.template = UriTemplate.isTemplate(uri) ? new UriTemplate(uri) : undefined;
    } catch (cause) {
      throw this.invalid(`the URI template ${JSON.stringify(uri)} cannot be read: ${messageOf(cause)}.`);
    }
  }

  /** The variables in a URI, as wire input of the method; undefined when the URI does not match. */
  match(uri: string): Record<string, unknown> | undefined {
    if (this.template !== undefined) return this.template.match(uri);
    return uri === this.uri ? {} : undefined;
  }

  /**
   * Checks that the URI supplies every argument of the method.
   *
   * @throws {ErrandError} `COMPONENT_INVALID`
   */
  check({ properties = {} }: ObjectJsonSchema): void {
    const given = this.template?.variableNames ?? [];
    const missing = Object.keys(properties).find((name) => !given.includes(name));
    if (missing === undefined) return;
    throw this.invalid(
      `the method takes '${missing}', but ${JSON.stringify(this.uri)} has no such variable. Add {${missing}} to the URI.`,
    );
  }

  private invalid(what: string): ErrandError {
    return new ErrandError('COMPONENT_INVALID', `${this.label}: ${what}`);
  }
}
