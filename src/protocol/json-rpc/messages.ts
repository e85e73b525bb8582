/** The id of a JSON-RPC request (JSON-RPC 2.0, section 4; MCP has no null). */
export type RequestId = string | number;

/** Parameters of a message. `_meta` belongs to the protocol, the rest to the method. */
export type JsonRpcParams = {
  /** Metadata of MCP. */
  _meta?: Record<string, unknown>;
  [name: string]: unknown;
};

/** A message that wants an answer. */
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

/** A message that wants none. */
export type JsonRpcNotification = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The name of the method. */
  method: string;
  /** The parameters of the method. */
  params?: JsonRpcParams;
};

/** The result of a request. */
export type JsonRpcResult = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The id of the request. */
  id: RequestId;
  /** The result, as the method has it. */
  result: Record<string, unknown>;
};

/** The failure of a request; without an id where the request could not be read. */
export type JsonRpcError = {
  /** Always `2.0`. */
  jsonrpc: '2.0';
  /** The id of the request. */
  id?: RequestId;
  /** What went wrong. */
  error: {
    /** A code of JSON-RPC or MCP. */
    code: number;
    /** For people. */
    message: string;
    /** For programs. */
    data?: unknown;
  };
};

/** Any message of JSON-RPC 2.0 as MCP sends it. */
export type JSONRPCMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResult | JsonRpcError;
