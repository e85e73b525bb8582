import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { askClient, type QuestionOptions } from './ask-client.js';
import { cancelled, ElicitResult } from './elicitation.js';
import type { CallFrame } from '../frame.js';

/** Options of `ctx.elicitUrl()`. */
export interface ElicitUrlOptions extends QuestionOptions {
  /** Your own id, which must be the same in every run. Default: an unguessable one, the same in every run. */
  readonly elicitationId?: string;
}

/** The user's answer to a URL elicitation. */
export interface ElicitUrlAnswer {
  /**
   * `accept` means that the user agreed to open the URL, not that they have finished there. `cancel` also stands for a
   * deadline that passed.
   */
  readonly action: 'accept' | 'decline' | 'cancel';
  /** The id by which your page and `ctx.elicitationComplete()` refer to it. */
  readonly elicitationId: string;
}

/** The URL to send the user to, or a function that builds it from the elicitation's id. */
export type ElicitUrl = string | URL | ((elicitationId: string) => string | URL);

/** Sends the user to a URL. */
export async function elicitUrl(
  frame: CallFrame,
  message: string,
  url: ElicitUrl,
  options: ElicitUrlOptions = {},
): Promise<ElicitUrlAnswer> {
  const mode = 'url';
  let elicitationId = options.elicitationId ?? '';
  const { action } = await askClient(frame, {
    kind: 'elicitation',
    // The id derives from the key, and the key from these parameters, so they can hold neither the id nor a URL with it.
    params: { mode, message, ...(typeof url !== 'function' && { url: webUrl(url) }) },
    send(key) {
      elicitationId = options.elicitationId ?? frame.journal.idFor(key);
      return { mode, message, url: webUrl(typeof url === 'function' ? url(elicitationId) : url), elicitationId };
    },
    result: ElicitResult,
    onDeadline: cancelled,
    label: `the question "${shown(message)}"`,
    options,
  });
  return { action, elicitationId };
}

/**
 * Clients open the URL in a browser, so it must be a web page; and clients see the whole URL, so it must not contain
 * credentials (2025-11-25, client/elicitation, "Safe URL Handling").
 */
function webUrl(given: string | URL): string {
  const url = URL.canParse(String(given)) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ErrandError(
      'ELICITATION_URL',
      `ctx.elicitUrl: the URL is ${shown(JSON.stringify(given))}. Give an absolute URL that begins with https:// or http://.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new ErrandError(
      'ELICITATION_URL',
      'ctx.elicitUrl: the URL contains a user name or password, which the client would see. Let the page ask for them.',
    );
  }
  return url.href;
}
