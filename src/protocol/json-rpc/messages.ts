/** The id of a request (JSON-RPC 2.0, section 4; in MCP never null). */
export type RequestId = string | number;

/** Parameters of a message. `_meta` belongs to the protocol, the rest to the method. */
export type JsonRpcParams = {
  _meta?: Record<string, unknown>;
  [name: string]: unknown;
};

/** A message that expects a response. */
export type JsonRpcRequest = {
  jsonrpc: '2.0';
  id: RequestId;
  method: string;
  params?: JsonRpcParams;
};

/** A message without a response. */
export type JsonRpcNotification = {
  jsonrpc: '2.0';
  method: string;
  params?: JsonRpcParams;
};

/** The response to a request that succeeded. */
export type JsonRpcResult = {
  jsonrpc: '2.0';
  id: RequestId;
  result: Record<string, unknown>;
};

/** The response to a request that failed; without an id if the request was unreadable. */
export type JsonRpcError = {
  jsonrpc: '2.0';
  id?: RequestId;
  error: { code: number; message: string; data?: unknown };
};

/** Any JSON-RPC 2.0 message, as MCP uses them. */
export type JSONRPCMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResult | JsonRpcError;
