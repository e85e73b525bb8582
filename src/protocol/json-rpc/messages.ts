/** The id of a JSON-RPC request (JSON-RPC 2.0, section 4; MCP has no null). */
export type RequestId = string | number;

/** Parameters of a message. `_meta` belongs to the protocol, the rest to the method. */
export type JsonRpcParams = {
  _meta?: Record<string, unknown>;
  [name: string]: unknown;
};

/** A message that wants an answer. */
export type JsonRpcRequest = {
  jsonrpc: '2.0';
  id: RequestId;
  method: string;
  params?: JsonRpcParams;
};

/** A message that wants none. */
export type JsonRpcNotification = {
  jsonrpc: '2.0';
  method: string;
  params?: JsonRpcParams;
};

/** The result of a request. */
export type JsonRpcResult = {
  jsonrpc: '2.0';
  id: RequestId;
  result: Record<string, unknown>;
};

/** The failure of a request; without an id where the request could not be read. */
export type JsonRpcError = {
  jsonrpc: '2.0';
  id?: RequestId;
  error: { code: number; message: string; data?: unknown };
};

/** Any message of JSON-RPC 2.0 as MCP sends it. */
export type JSONRPCMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResult | JsonRpcError;
