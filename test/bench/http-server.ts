import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { errandServer, sdkServer } from './servers.js';

/** A process of its own for each contender over HTTP: `errand`, or `sdk` as its documentation shows it on node:http. */
async function main(contender: string | undefined): Promise<void> {
  if (contender === 'errand') {
    const { url } = await errandServer().listen();
    process.send?.(url);
    return;
  }
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const http = createServer((request, response) => {
    void (async () => {
      const known = transports.get(String(request.headers['mcp-session-id']));
      if (known !== undefined) return known.handleRequest(request, response);
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => void transports.set(id, transport),
      });
      await sdkServer().connect(transport);
      await transport.handleRequest(request, response);
    })();
  });
  http.listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`));
}

process.on('SIGINT', () => process.exit(0));
await main(process.argv[2]);
