/** The id of a request (JSON-RPC 2.0, section 4; in MCP never null). */
export type RequestId = string | number;

/** Parameters of a message. `_meta` belongs to the protocol, the rest to the method. */
export type JsonRpcParams = {
  /** Metadata of MCP. */
  _meta?: Record<string, unknown>;
  [name: string]: unknown;
};

/** A message that expects a response. */
export type JsonRpcRequest = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The id of the request. */
  id: RequestId;
  /** The name of the method. */
  method: string;
  /** The parameters of the method. */
  params?: JsonRpcParams;
};

/** A message without a response. */
export type JsonRpcNotification = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The name of the method. */
  method: string;
  /** The parameters of the method. */
  params?: JsonRpcParams;
};

/** The response to a request that succeeded. */
export type JsonRpcResult = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The id of the request. */
  id: RequestId;
  /** The result, as the method defines it. */
  result: Record<string, unknown>;
};

/** The response to a request that failed; without an id if the request was unreadable. */
export type JsonRpcError = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The id of the request. */
  id?: RequestId;
  /** The message of the error. */
  error: {
    /** A code of JSON-RPC or MCP. */
    code: number;
    /** For people. */
    message: string;
    /** For programs. */
    data?: unknown;
  };
};

/** Any JSON-RPC 2.0 message, as MCP uses them. */
export type JSONRPCMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResult | JsonRpcError;
