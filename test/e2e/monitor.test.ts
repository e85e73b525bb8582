import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createServer as createNetServer, connect as connectSocket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { instruments } from '../../src/telemetry/instruments.js';
import { createServer, defineJob, defineTool, Logger, type ErrandServer, type Monitor } from '../../src/index.js';
import { prometheusName } from '../../src/server/telemetry/prometheus.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';

const job = defineJob({ name: 'job', run: () => 'done' });
const tool = defineTool({ name: 'tool', run: () => 'done' });

const servers: ErrandServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function makeServer(...components: Parameters<typeof createServer>[0]['components']): ErrandServer {
  const logger = new Logger(() => undefined);
  const server = createServer({ name: 'watched', version: '1.0.0', components, logger });
  servers.push(server);
  return server;
}

interface Told {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A request as `fetch` does not send it. */
async function ask({ port }: Monitor, path: string, options: { method?: string; host?: string } = {}): Promise<Told> {
  const { method = 'GET', host = `localhost:${port}` } = options;
  const sent = request({ host: '127.0.0.1', port, path, method, headers: { host }, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text as string;
  return { status: response.statusCode, headers: response.headers, body };
}

describe('the health of a server', () => {
  it('goes from starting to ok, and stays ok without any background', async () => {
    for (const component of [job, tool]) {
      const server = makeServer(component);
      expect(await server.health()).toEqual({ status: 'starting', reason: 'The server has not started.' });
      await server.listen();
      expect((await server.health()).status).toBe('ok');
      await server.close();
      expect(await server.health()).toEqual({ status: 'draining', reason: 'The server is closing.' });
    }
  });

  it('is told to load balancers beside the protocol, by any name, and nothing but the status', async () => {
    const server = makeServer(tool);
    const { port } = await server.listen();
    const sent = request({ port, path: '/healthz?full', headers: { host: '10.0.0.7' }, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    expect(await response.setEncoding('utf8').toArray()).toEqual(['{"status":"ok"}']);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`, { method: 'POST' })).status).toBe(404);
  });
});

describe('a monitor', () => {
  it('starts nothing, tells what it is asked, and ends with the server', async () => {
    const server = makeServer(job);
    const monitor = await server.monitor({ port: 0 });
    expect(monitor.url).toBe(`http://127.0.0.1:${monitor.port}`);
    expect(await ask(monitor, '/healthz')).toMatchObject({ status: 503, body: expect.stringContaining('starting') });
    expect(await ask(monitor, '/livez')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    await (await server.docket.add(job)).result();
    const told = await ask(monitor, '/healthz');
    expect(told).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    });
    expect(JSON.parse(told.body)).toMatchObject({ status: 'ok' });
    expect(await ask(monitor, '/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    await server.close();
    expect(await rejection(ask(monitor, '/livez'))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await rejection(server.monitor({ port: 0 }))).toMatchObject({ code: 'SERVER_CLOSED' });
  });

  it('can be closed by itself', async () => {
    const monitor = await makeServer(job).monitor({ port: 0 });
    await monitor.close();
    expect(await rejection(ask(monitor, '/livez'))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('tells metrics as Prometheus reads them', async () => {
    const server = makeServer(job);
    const monitor = await server.monitor({ port: 0 });
    await (await server.docket.add(job)).result();
    const ended = 'errand_run_ended_total{errand_component="job",errand_outcome="completed"} 1';
    const { headers, body } = await eventually(async () => {
      const told = await ask(monitor, '/metrics');
      expect(told.body.split('\n')).toContain(ended);
      return told;
    });
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const label = '[a-z_]+="[^"]*"';
    const sample = new RegExp(`^[a-z_]+(\\{${label}(,${label})*\\})? [0-9.e+-]+$`);
    for (const line of body.split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) .+|)$/.test(line) ? /^/ : sample);
    }
    for (const instrument of Object.values(instruments)) {
      expect(body).toContain(`# TYPE ${prometheusName(instrument)} ${instrument.kind}\n`);
    }
    const constant = 'messaging_system="errand",messaging_operation_name="process"';
    const labels = `{le="+Inf",${constant},errand_component="job",errand_outcome="completed"}`;
    expect(body).toContain(`messaging_process_duration_seconds_bucket${labels} 1\n`);
    expect(body).toContain('errand_execution_added_total{errand_component="job"} 1\n');
    expect(body).toContain('errand_docket_executions{errand_state="completed"} 1\n');
    expect(body).toMatch(/^errand_worker_slots\{errand_worker="[^"]+"\} 10$/m);
  });

  it('answers strange requests plainly', async () => {
    const monitor = await makeServer(job).monitor({ port: 0 });
    const statuses = [
      await ask(monitor, '/'),
      await ask(monitor, '/../../etc/passwd'),
      await ask(monitor, '/metrics', { method: 'POST' }),
      await ask(monitor, '/metrics', { method: 'OPTIONS' }),
      await ask(monitor, '/metrics', { host: 'evil.example' }),
      await ask(monitor, `/${'x'.repeat(20_000)}`),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 405, 405, 403, 431]);
    const socket = connectSocket(monitor.port, '127.0.0.1');
    socket.end('this is no HTTP\r\n\r\n');
    const [text] = (await once(socket.setEncoding('utf8'), 'data')) as [string];
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(monitor, '/livez')).status).toBe(200);
  });

  it('answers by any name where its port is open to others', async () => {
    const monitor = await makeServer(job).monitor({ port: 0, host: '0.0.0.0' });
    expect((await ask(monitor, '/livez', { host: '10.0.0.7:9464' })).status).toBe(200);
  });

  it('takes a free port where nobody named one and the usual one is taken, and refuses one that was named', async () => {
    const first = await makeServer(job).monitor();
    const second = await makeServer(job).monitor();
    expect(second.port).not.toBe(first.port);
    expect((await ask(second, '/livez')).status).toBe(200);
    const taken = createNetServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    expect(await rejection(makeServer(job).monitor({ port }))).toMatchObject({ code: 'LISTEN_REFUSED' });
    taken.close();
    const error = await rejection(makeServer(job).monitor({ port: -1 }));
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(/^monitor: port: /) });
  });
});
