import { ErrandError, messageOf } from '../base/errors.js';
import { UriTemplate } from '../protocol/uri-template.js';
import type { ObjectJsonSchema } from './schema/json-schema.js';

/** Where a resource is found: at one URI, or at all that fit a template. */
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
      throw this.refuse(`the URI ${JSON.stringify(uri)} has no scheme. Write one such as 'reports://{quarter}'.`);
    }
    try {
      this.template = UriTemplate.isTemplate(uri) ? new UriTemplate(uri) : undefined;
    } catch (cause) {
      throw this.refuse(`the URI template ${JSON.stringify(uri)} cannot be read: ${messageOf(cause)}.`);
    }
  }

  /** What a URI says, as the wire input of the method; undefined when it is not a URI of this resource. */
  match(uri: string): Record<string, unknown> | undefined {
    if (this.template !== undefined) return this.template.match(uri);
    return uri === this.uri ? {} : undefined;
  }

  /**
   * What the method takes must come from somewhere.
   *
   * @throws {ErrandError} `COMPONENT_INVALID`
   */
  check({ properties = {} }: ObjectJsonSchema): void {
    const given = this.template?.variableNames ?? [];
    const missing = Object.keys(properties).find((name) => !given.includes(name));
    if (missing === undefined) return;
    throw this.refuse(
      `the method takes '${missing}', but ${JSON.stringify(this.uri)} has no such variable. Write {${missing}} into the URI.`,
    );
  }

  private refuse(what: string): ErrandError {
    return new ErrandError('COMPONENT_INVALID', `${this.label}: ${what}`);
  }
}
