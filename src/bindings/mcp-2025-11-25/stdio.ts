import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '../../protocol/types.js';

/**
 * The transport at stdin and stdout, and a promise of the end of its requests. The SDK's transport notices neither the
 * end of stdin, after which the client may still read answers, nor a stdout that nobody reads any more, which closes it.
 */
export function openStdio(): { readonly transport: Transport; readonly ended: Promise<void> } {
  const transport = new StdioServerTransport();
  const ended = new Promise<void>((resolve) => {
    transport.onclose = resolve;
    process.stdin.once('end', resolve).once('close', resolve);
  });
  // Each write that fails is an error of its own.
  process.stdout.on('error', () => void transport.close());
  return { transport, ended };
}
