import { Console } from 'node:console';
import { StdioTransport, type StdioSettings } from '../transports/stdio.js';
import type { Transport } from '../protocol/transport.js';

/**
 * Sends `console` to stderr, so that a user's output cannot corrupt the protocol. Returns a function that restores it.
 */
export function sendConsoleToStderr(): () => void {
  const original = globalThis.console;
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr });
  return () => {
    globalThis.console = original;
  };
}

/** The server to serve. */
interface StdioServer {
  connect(transport: Transport): Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the client on stdin and stdout. When the client has sent everything, the server closes: running calls are
 * answered within the grace, and this resolves once the answers have been read.
 */
export async function serveStdio(server: StdioServer, settings: StdioSettings): Promise<void> {
  const restoreConsole = sendConsoleToStderr();
  try {
    const transport = new StdioTransport(settings);
    await server.connect(transport);
    await transport.ended;
    await server.close();
  } finally {
    restoreConsole();
  }
}
