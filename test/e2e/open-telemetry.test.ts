import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, CreateTaskResultSchema, ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  defineJob,
  defineTool,
  Logger,
  ToolError,
  type ErrandServer,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { connectAs } from '../helpers/principals.js';
import { rejection, startTask } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { connectInMemory } from '../helpers/transports.js';

const spans = new InMemorySpanExporter();
// Of what is told anew each time, what is told no more is seen.
const measured = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
});
afterAll(async () => {
  for (const api of [context, propagation, trace, metrics]) api.disable();
  await reader.shutdown();
});

const publish = defineTool({
  name: 'publish',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    // What a user's own instrumentation does.
    await trace.getTracer('user').startActiveSpan('warehouse', async (span) => {
      await new Promise((resolve) => setImmediate(resolve));
      span.end();
    });
    const answer = await ctx.elicit('Publish it?', z.boolean());
    return answer.action;
  },
});

const refuses = defineTool({
  name: 'refuses',
  run: (): string => {
    throw new ToolError('No');
  },
});

let attempts = 0;
const flaky = defineJob({
  name: 'flaky',
  retry: { attempts: 2, delay: 0 },
  run: () => {
    if (++attempts % 2 === 1) throw new TypeError('not yet');
    return attempts;
  },
});

const delegates = defineTool({
  name: 'delegates',
  inject: [CurrentDocket],
  run: async (_input, docket) => String(await (await docket.add(flaky)).result()),
});

let docket: TestDocket;
let servers: ErrandServer[];
beforeEach(() => {
  spans.reset();
  docket = new TestDocket();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await docket.dispose();
});

function serverOn(url: string, worker: boolean): ErrandServer {
  const server = createServer({
    name: 'traced',
    version: '1.0.0',
    logger: new Logger(() => undefined),
    components: [publish, refuses, flaky, delegates],
    docket: { url, name: docket.name, worker },
  });
  servers.push(server);
  return server;
}

const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The span of that name, once it has ended. */
const spanOf = (name: string): Promise<ReadableSpan> =>
  eventually(() => {
    const found = spans.getFinishedSpans().find((span) => span.name === name);
    if (found === undefined) throw new Error(`${name} has not ended`);
    return found;
  });

const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const answer = () => ({ action: 'accept' as const, content: { value: true } });

describe('a trace', () => {
  it('is one from the client through submission, queue, worker and question to the result, across processes [F25]', async () => {
    const [holding, working] = [serverOn(docket.url, false), serverOn(docket.url, false)];
    await working.startWorker({ name: 'the worker' });
    await using peer = await connectInMemory(holding, { answer });
    const params = { name: 'publish', arguments: {}, task: {}, _meta: { traceparent: parent } };
    const { task } = await peer.client.request({ method: 'tools/call', params }, CreateTaskResultSchema);
    await peer.client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema);

    const call = await spanOf('tools/call publish');
    const send = await spanOf('send publish');
    const process = await spanOf('process publish');
    const question = await spanOf('elicitation/create');
    const own = await spanOf('warehouse');
    const result = await spanOf('tasks/result');
    expect([call, send, process, question, own, result].map((span) => span.spanContext().traceId)).toEqual(
      Array(6).fill('4bf92f3577b34da6a3ce929d0e0e4736'),
    );
    expect(call.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(send.parentSpanContext?.spanId).toBe(idOf(call));
    expect(process.parentSpanContext?.spanId).toBe(idOf(send));
    expect(question.parentSpanContext?.spanId).toBe(idOf(process));
    expect(own.parentSpanContext?.spanId).toBe(idOf(process));
    expect(result.parentSpanContext?.spanId).toBe(idOf(send));
    expect([call, send, process, question, result].map(({ kind }) => kind)).toEqual([
      SpanKind.SERVER,
      SpanKind.PRODUCER,
      SpanKind.CONSUMER,
      SpanKind.CLIENT,
      SpanKind.SERVER,
    ]);
    expect(call.attributes).toMatchObject({
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'publish',
      'gen_ai.operation.name': 'execute_tool',
      'mcp.protocol.version': '2025-11-25',
      'network.transport': 'pipe',
    });
    expect(process.attributes).toMatchObject({
      'messaging.system': 'errand',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'publish',
      'messaging.message.id': task.taskId,
      'errand.attempt': 1,
      'errand.worker': 'the worker',
      'errand.outcome': 'completed',
    });
  });

  it('goes through a foreground call and what it adds to the docket, with a span for each attempt', async () => {
    await using peer = await connectInMemory(serverOn('memory://', true));
    await peer.client.callTool({ name: 'delegates', arguments: {} });
    const call = await spanOf('tools/call delegates');
    const send = await spanOf('send flaky');
    const runs = await eventually(() => {
      const found = spans.getFinishedSpans().filter(({ name }) => name === 'process flaky');
      expect(found).toHaveLength(2);
      return found;
    });
    expect(send.parentSpanContext?.spanId).toBe(idOf(call));
    expect(runs.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([idOf(send), idOf(send)]);
    expect(runs.map(({ attributes }) => attributes['errand.outcome'])).toEqual(['retried', 'completed']);
    expect(runs[0]!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not yet' });
    expect(runs[1]!.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('of work that nobody traced begins with its run, and never with the request that happened to start the worker', async () => {
    const server = serverOn('memory://', true);
    await trace.getTracer('user').startActiveSpan('around', async (span) => {
      const peer = await connectInMemory(server);
      await peer[Symbol.asyncDispose]();
      span.end();
    });
    const execution = await server.docket.add(flaky);
    await execution.result();
    const around = await spanOf('around');
    const run = await spanOf('process flaky');
    expect(run.spanContext().traceId).not.toBe(around.spanContext().traceId);
  });

  it('says what went wrong: an error result, an error of JSON-RPC', async () => {
    await using peer = await connectInMemory(serverOn('memory://', true));
    await peer.client.callTool({ name: 'refuses', arguments: {} });
    const refused = await spanOf('tools/call refuses');
    expect(refused.attributes['error.type']).toBe('tool_error');
    expect(refused.status.code).toBe(SpanStatusCode.ERROR);
    // The name comes from outside and may be anything: it names no span.
    await rejection(peer.client.callTool({ name: 'unknown', arguments: {} }));
    expect((await spanOf('tools/call')).attributes['error.type']).toBe('-32602');
  });

  it('of a task is not told to others who ask for it, and polls are not told in it', async () => {
    const server = serverOn('memory://', true);
    await using anna = await connectAs(server, { subject: 'anna' }, { answer });
    await using ben = await connectAs(server, { subject: 'ben' });
    const { taskId } = await startTask(anna.client, 'publish');
    await rejection(ben.client.request({ method: 'tasks/result', params: { taskId } }, ResultSchema));
    await anna.client.request({ method: 'tasks/get', params: { taskId } }, ResultSchema);
    const send = await spanOf('send publish');
    for (const name of ['tasks/result', 'tasks/get']) {
      const span = await spanOf(name);
      expect(span.spanContext().traceId).not.toBe(send.spanContext().traceId);
      expect(span.links).toEqual([]);
    }
    await anna.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
  });

  it.each([
    ['nothing', ''],
    ['a word', 'x'],
    ['half of one', '00-xyz'],
    ['one of zeros', '00-00000000000000000000000000000000-0000000000000000-01'],
    ['a number', 42],
    ['null', null],
    ['an object', {}],
    ['a long text', 'y'.repeat(1_000)],
  ])('survives a client that sends %s for one', async (_, traceparent) => {
    await using peer = await connectInMemory(serverOn('memory://', true));
    const params = { name: 'delegates', arguments: {}, _meta: { traceparent } };
    const result = await peer.client.request({ method: 'tools/call', params }, CallToolResultSchema);
    expect(result.isError).not.toBe(true);
    expect((await spanOf('tools/call delegates')).parentSpanContext).toBeUndefined();
  });
});

describe('measurements', () => {
  it('reach the SDK under the names of the conventions', async () => {
    await using peer = await connectInMemory(serverOn('memory://', true), { answer });
    const { taskId } = await startTask(peer.client, 'publish');
    await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    await spanOf('process publish');
    const found = await collected();
    const names = new Set(found.map(({ descriptor }) => `${descriptor.name} ${descriptor.unit}`));
    expect(names).toContain('messaging.process.duration s');
    expect(names).toContain('mcp.server.operation.duration s');
    expect(names).toContain('errand.execution.added {execution}');
    const workers = found.find(({ descriptor }) => descriptor.name === 'errand.docket.workers');
    expect(workers?.dataPoints.map(({ value }) => value)).toContain(1);
    const durations = found.filter(({ descriptor }) => descriptor.name === 'mcp.server.operation.duration');
    const attributes = durations.flatMap(({ dataPoints }) => dataPoints.map((point) => point.attributes));
    expect(attributes).toContainEqual({ 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'publish' });
  });

  it('of levels end with the server: the SDK asks no closed one, and keeps none', async () => {
    const server = serverOn('memory://', true);
    const peer = await connectInMemory(server);
    const levels = async (): Promise<number> => {
      const slots = (await collected()).filter(({ descriptor }) => descriptor.name === 'errand.worker.slots');
      return slots.reduce((count, { dataPoints }) => count + dataPoints.length, 0);
    };
    expect(await levels()).toBe(1);
    await peer[Symbol.asyncDispose]();
    await server.close();
    expect(await levels()).toBe(0);
  });
});

/** What Errand measures, as it is now. */
async function collected() {
  measured.reset();
  await reader.forceFlush();
  return measured
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((each) => (each.scope.name === 'errand' ? each.metrics : [])));
}
