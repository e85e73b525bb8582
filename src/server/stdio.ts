import { Console } from 'node:console';
import { openStdio } from '../bindings/mcp-2025-11-25/stdio.js';
import type { Transport } from '../protocol/types.js';

/** Sends `console` to stderr, so that what somebody prints cannot corrupt the protocol. Returns what takes it back. */
export function sendConsoleToStderr(): () => void {
  const original = globalThis.console;
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr });
  return () => {
    globalThis.console = original;
  };
}

/** Serves the client at stdin and stdout, and resolves when either side has closed. */
export async function serveStdio(server: { connect(transport: Transport): Promise<void> }): Promise<void> {
  const restoreConsole = sendConsoleToStderr();
  try {
    const { transport, gone } = openStdio();
    await server.connect(transport);
    await gone;
  } finally {
    restoreConsole();
  }
}
