import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Generations, type Generation } from '../../../src/bindings/generations.js';
import { clientLimitsOf } from '../../../src/transports/http/http-options.js';
import { createServer, defineTool, type ErrandServer } from '../../../src/index.js';
import type { HttpEndpoint, HttpExchange } from '../../../src/transports/http/http-exchange.js';

const anyTool = defineTool({ name: 'any', run: () => 'done' });

let server: ErrandServer;
let endpoint: HttpEndpoint;
let ended: string[];

/** A generation that owns the requests of revision 2099-01-01. */
const future: Generation = {
  owns: ({ request }) => request.headers.get('mcp-protocol-version') === '2099-01-01',
  binding: {
    connect: () => Promise.reject(new Error('Nothing connects to this one.')),
    endpoint: () => ({
      admit: () => ({ largest: 2099 }),
      handle: () => Promise.resolve({ response: new Response('from the future') }),
      drain: () => Promise.resolve(void ended.push('drained')),
      close: () => Promise.resolve(void ended.push('closed')),
    }),
  },
};

beforeEach(async () => {
  ended = [];
  server = createServer({ name: 'generations', version: '1.0.0', components: [anyTool] });
  endpoint = new Generations(await server['start'](), [future]).endpoint('stateless', clientLimitsOf({}));
});

afterEach(() => server.close());

function exchange(protocolVersion: string): HttpExchange {
  const headers = new Headers({
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': protocolVersion,
  });
  return {
    request: { method: 'POST', url: 'http://localhost/mcp', headers },
    body: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
  };
}

async function answerTo(protocolVersion: string): Promise<string> {
  const { response, onEnd } = await endpoint.handle(exchange(protocolVersion));
  const text = await response.text();
  onEnd?.(false);
  return text;
}

describe('an endpoint of several generations', () => {
  it('passes each request to the generation that owns it', async () => {
    expect(await answerTo('2099-01-01')).toBe('from the future');
    expect(await answerTo('2025-11-25')).toContain('"name":"any"');
    expect(await answerTo('2099-01-01')).toBe('from the future');
  });

  it('drains and closes all of them', async () => {
    await endpoint.drain();
    await endpoint.close();
    expect(ended).toEqual(['drained', 'closed']);
    expect((await endpoint.handle(exchange('2025-11-25'))).response.status).toBe(503);
  });
});
