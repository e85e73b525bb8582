import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { askClient, type QuestionOptions } from './ask-client.js';
import { cancelled, ElicitResult } from './elicitation.js';
import type { CallFrame } from '../frame.js';

/** Where a question at a URL differs from the rule. */
export interface ElicitUrlOptions extends QuestionOptions {
  /** An id of your own, the same in every run. Default: one that nobody can guess, the same in every run. */
  readonly elicitationId?: string;
}

/** What the user did with a question at a URL. */
export interface ElicitUrlAnswer {
  /**
   * `accept`: the user agreed to go there, which does not mean that it is done. `cancel` also stands for a deadline that
   * passed.
   */
  readonly action: 'accept' | 'decline' | 'cancel';
  /** Under which the page and `ctx.elicitationComplete()` speak of it. */
  readonly elicitationId: string;
}

/** Where to send the user; a function is given the id of the elicitation, to be part of the URL. */
export type ElicitUrl = string | URL | ((elicitationId: string) => string | URL);

/** Sends the user of a call to a URL. */
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
    // The id is made of the key, and the key of this: neither the id nor what contains it can be part of it.
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
 * Clients open what they are given in a browser, so it is a page of the web; and it tells the client everything that is
 * in it, so there are no credentials in it (2025-11-25, client/elicitation, "Safe URL Handling").
 */
function webUrl(given: string | URL): string {
  const url = URL.canParse(String(given)) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ErrandError(
      'ELICITATION_URL',
      `ctx.elicitUrl: the URL is ${shown(JSON.stringify(given))}. Give a whole URL that begins with https:// or http://.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new ErrandError(
      'ELICITATION_URL',
      'ctx.elicitUrl: the URL has a user name or password in it, which the client would see. Let the page ask for them.',
    );
  }
  return url.href;
}
