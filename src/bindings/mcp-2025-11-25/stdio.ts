import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '../../protocol/types.js';

/**
 * The transport at stdin and stdout, and a promise of its end. The SDK's transport does not notice that its client has
 * gone: the end of stdin, or a stdout that nobody reads any more, closes it here.
 */
export function openStdio(): { readonly transport: Transport; readonly gone: Promise<void> } {
  const transport = new StdioServerTransport();
  const gone = new Promise<void>((resolve) => {
    transport.onclose = resolve;
  });
  const close = (): void => void transport.close();
  process.stdin.once('end', close);
  process.stdin.once('close', close);
  process.stdout.once('error', close);
  return { transport, gone };
}
