import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { settlesWithin } from '../base/disposal.js';
import { flushed } from '../base/flushed.js';
import type { CallSettings } from '../call/frame.js';
import type { Transport } from '../protocol/transport.js';

/** What the transport needs to know of its server. */
export type StdioSettings = Pick<CallSettings, 'clock' | 'grace' | 'logger'>;

/** The SDK's transport, whose closing cuts nothing that was sent: the client has half of the grace to read it. */
class StdioTransport extends StdioServerTransport {
  constructor(private readonly settings: StdioSettings) {
    super();
  }

  override async close(): Promise<void> {
    const { clock, grace, logger } = this.settings;
    const read = settlesWithin(flushed(process.stdout), grace / 2, clock);
    await super.close();
    if (!(await read)) logger.warning('The client does not read its answers, which are lost when the process ends');
  }
}

/**
 * The transport at stdin and stdout, and a promise of the end of its requests. The SDK's own notices neither the
 * end of stdin, after which the client may still read answers, nor a stdout that nobody reads any more, which closes it.
 */
export function openStdio(settings: StdioSettings): { readonly transport: Transport; readonly ended: Promise<void> } {
  const transport = new StdioTransport(settings);
  const ended = new Promise<void>((resolve) => {
    transport.onclose = resolve;
    process.stdin.once('end', resolve).once('close', resolve);
  });
  // Each write that fails is an error of its own.
  process.stdout.on('error', () => void transport.close());
  return { transport, ended };
}
