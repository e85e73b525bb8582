import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import type { Caller } from '../../call/frame.js';
import { accessTokenOf, CurrentHeaders, principalOf } from '../../call/principal.js';

/** What the SDK hands to a handler along with the request. */
export type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const noHeaders = new CurrentHeaders();

/** The caller behind a request. */
export function callerOf({ authInfo, requestInfo }: RequestExtra): Caller {
  const accessToken = accessTokenOf(authInfo);
  return {
    principal: principalOf(authInfo),
    headers: requestInfo === undefined ? noHeaders : new CurrentHeaders(requestInfo.headers),
    ...(accessToken !== undefined && { accessToken }),
  };
}
