import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { asBuilt, cli, root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';

const size = 4 * 1024 * 1024 - 512;
const mib = 1024 * 1024;

let child: ChildProcess;
let log = '';
let url: string;
let session: string;

beforeAll(async () => {
  const program = [
    '--expose-gc',
    '--max-old-space-size=256',
    '--max-semi-space-size=1',
    cli,
    'run',
    join(root, 'test/faults/servers/victim.ts'),
  ];
  child = spawn(process.execPath, [...program, '--http', '0'], {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      ...asBuilt,
      MALLOC_ARENA_MAX: '1',
      MALLOC_TRIM_THRESHOLD_: '0',
      MALLOC_MMAP_THRESHOLD_: '65536',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(log)));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const [, found] = /listens on (\S+)/.exec(log) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  session = await initialize('2025-11-25');
  // What is compiled and loaded at first is no cost of a request.
  await post(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"take","arguments":{"anything":"${'x'.repeat(2 * mib)}","strings":[${'1,'.repeat(200_000)}1]}}}`,
  );
});

afterAll(async () => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill();
  await ended;
});

async function initialize(protocolVersion: string): Promise<string> {
  const params = {
    protocolVersion,
    capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
    clientInfo: { name: 'stranger', version: '1' },
  };
  const { headers } = await send(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }), {});
  const session = headers.get('mcp-session-id');
  expect(session).not.toBeNull();
  return session!;
}

async function send(
  body: string,
  headers: Record<string, string>,
): Promise<{ text: string; status: number; headers: Headers }> {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
  });
  return { text: await response.text(), status: response.status, headers: response.headers };
}

const post = (body: string, id = session) => send(body, { 'mcp-session-id': id });

const status = (field: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024;

/** What the process took more at its peak while something was done. The kernel knows it, with what V8 takes beside its heap. */
async function peakOf<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly peak: number }> {
  await post('{"jsonrpc":"2.0","id":"settle","method":"tools/call","params":{"name":"settle"}}');
  writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
  const before = status('VmRSS');
  const result = await work();
  return { result, peak: status('VmHWM') - before };
}

/** `before`, as many of `each` as there is room for, `after`. */
const filled = (before: string, each: string, after: string): string =>
  before + each.repeat(Math.floor((size - before.length - after.length) / each.length)) + after;

const numbered = (before: string, each: (n: number) => string, after: string, room = size): string => {
  const all: string[] = [];
  let length = before.length + after.length;
  for (let n = 0; length + each(n).length <= room; n++) {
    all.push(each(n));
    length += each(n).length;
  }
  return before + all.join('') + after;
};

let ids = 2;

const request = (method: string, params: string): string =>
  `{"jsonrpc":"2.0","id":${ids++},"method":"${method}","params":${params}}`;
const around = (method: string, before: string, after: string): [string, string] => {
  const [head, tail] = request(method, '\0').split('\0') as [string, string];
  return [head + before, after + tail];
};
const call = (before: string, after: string, more = ''): [string, string] =>
  around('tools/call', `{"name":"take"${more},"arguments":{${before}`, `${after}}}`);
const full = ([before, after]: [string, string], each: string, most = Infinity): string =>
  most === Infinity ? filled(before, each, after) : before + each.repeat(most) + after;
const list = (count: number, each: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => each(n)).join('');

const shapes: Record<string, () => string> = {
  'array of wrong numbers': () => full(call('"strings":[', '1]'), '1,'),
  'as many wrong numbers as are parsed': () => full(call('"strings":[', '1]'), '123,', 880_000),
  'as many doubles as are parsed': () => full(call('"strings":[', '1]'), '0.5,', 880_000),
  'as many empty arrays as are parsed': () => full(call('"anything":[', '1]'), '[],', 280_000),
  'as many empty objects as are parsed': () => full(call('"anything":[', '1]'), '{},', 280_000),
  'as many small arrays as are parsed': () => full(call('"strings":[', '1]'), '[1],', 280_000),
  'as many keys as are parsed': () => call('"record":{', '"z":1}').join(list(76_000, (n) => `"${n}":"",`)),
  'as many objects with keys of their own as are parsed': () =>
    call('"strings":[', '1]').join(list(66_000, (n) => `{"${n}":1},`)),
  'as many different strings as are parsed': () =>
    call('"strings":[', '1]').join(list(340_000, (n) => `"${n.toString(36)}",`)),
  'array of right strings': () => full(call('"strings":[', '""]'), '"abcdefghijkl",'),
  'array of too long strings': () => full(call('"short":[', '""]'), '"abcdefghijkl",'),
  'array of empty strings': () => full(call('"strings":[', '""]'), '"",'),
  'array of doubles': () => full(call('"strings":[', '1]'), '0.5,'),
  'array of empty objects': () => full(call('"strings":[', '1]'), '{},'),
  'array of empty arrays': () => full(call('"strings":[', '1]'), '[],'),
  'array of people': () => full(call('"people":[', '{}]'), '{"name":"x","mail":"y","age":"z"},'),
  'array of unions': () => full(call('"unions":[', '1]'), '[1,2,3,4,5,6,7],'),
  'array of objects of unions': () => full(call('"unions":[', '1]'), '{"name":1,"mail":2,"b":3,"c":4},'),
  'as many unions as are parsed': () => full(call('"unions":[', '1]'), '[1,2,3,4,5,6,7],', 85_000),
  'as many kinds as are parsed': () => full(call('"kinds":[', '{}]'), '{"kind":"abcdefgh"},', 170_000),
  'as wide a tree as is parsed': () =>
    full(call('"tree":{"name":"x","children":[', '1]}'), '{"name":"x","children":[{"name":1}]},', 85_000),
  'array of kinds': () => full(call('"kinds":[', '{}]'), '{"kind":"abcdefgh"},'),
  'array of enums': () => full(call('"enums":[', '""]'), '"abcdefghijkl",'),
  'array of codecs': () => full(call('"codecs":[', '""]'), '"abcdefghijkl",'),
  tuple: () => full(call('"tuple":[', '1]'), '"abcdefghijkl",'),
  'record of wrong values': () => numbered(call('"record":{', '')[0], (n) => `"${n}":"",`, `"z":1}${call('', '')[1]}`),
  'record of wrong values that may be parsed': () =>
    numbered(call('"record":{', '')[0], (n) => `"key ${n} ${'x'.repeat(42)}":"x",`, `"z":1}${call('', '')[1]}`),
  'record of wrong keys': () =>
    numbered(call('"keys":{', '')[0], (n) => `"key ${n} ${'x'.repeat(42)}":1,`, `"z":1}${call('', '')[1]}`),
  'record in an intersection': () =>
    numbered(call('"both":{', '')[0], (n) => `"key ${n} ${'x'.repeat(42)}":"x",`, `"z":1}${call('', '')[1]}`),
  'unknown keys': () =>
    numbered(call('"strict":{', '')[0], (n) => `"key ${n} ${'x'.repeat(42)}":1,`, `"z":1}${call('', '')[1]}`),
  'unknown arguments': () =>
    numbered(
      request('tools/call', '{"name":"takeStrict","arguments":{').slice(0, -1),
      (n) => `"key ${n} ${'x'.repeat(42)}":1,`,
      '"z":1}}}',
    ),
  'unknown keys of a union': () =>
    numbered(call('"stricts":{', '')[0], (n) => `"key ${n} ${'x'.repeat(42)}":1,`, `"z":1}${call('', '')[1]}`),
  'unknown keys of the envelope': () =>
    numbered('{"jsonrpc":"2.0","id":2,"method":"tools/call",', (n) => `"key ${n} ${'x'.repeat(42)}":1,`, '"z":1}'),
  'unknown keys of the parameters': () =>
    numbered(
      '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{',
      (n) => `"key ${n} ${'x'.repeat(42)}":1,`,
      '"z":1}}',
    ),
  'one long key': () => full(call('"strict":{"', '":1}'), 'x'),
  'one long key of control characters': () => full(call('"strict":{"', '":1}'), '\\u0001'),
  'one long key of a record': () => full(call('"record":{"', '":""}'), '\\u0001'),
  'long keys of a record': () =>
    numbered(call('"record":{', '')[0], (n) => `"${n}${'\\u0001'.repeat(1_000)}":"",`, `"z":1}${call('', '')[1]}`),
  __proto__: () => full(call('"record":{', '"a":1}'), '"__proto__":{"a":1},'),
  'nested arrays': () => full(call('"anything":', '0'), '['),
  'nested arrays that are closed': () => {
    const [a, b] = call('"anything":', '');
    const n = (size - a.length - b.length) >> 1;
    return a + '['.repeat(n) + ']'.repeat(n) + b;
  },
  'nested objects': () => {
    const [a, b] = call('"anything":', '');
    const n = Math.floor((size - a.length - b.length) / 6);
    return a + '{"a":'.repeat(n) + '1' + '}'.repeat(n) + b;
  },
  'a deep tree': () =>
    call(`"tree":${'{"name":"x","children":['.repeat(60)}`, ']}'.repeat(60)).join('1,'.repeat(800_000).slice(0, -1)),
  'a wide tree': () => full(call('"tree":{"name":"x","children":[', '1]}'), '{"name":"x","children":[{"name":1}]},'),
  'a long string': () => full(call('"strings":"', '"'), 'x'),
  'a long enum value': () => full(call('"enumerated":"', '"'), 'x'),
  'a long string that becomes an array': () => full(call('"split":"', 'x"'), 'x,').slice(0, 900_000) + `x"}}}`,
  'lone surrogates': () => full(call('"strict":{"', '":1}'), '\\ud800'),
  'a number of a million digits': () => full(call('"strings":', ''), '1'),
  'as a task: array of wrong numbers': () => full(call('"strings":[', '1]', ',"task":{}'), '12345678,'),
  'as a task: right strings': () => full(call('"strings":[', '""]', ',"task":{}'), '"abcdefghijkl",'),
  'a long name': () => full(around('tools/call', '{"name":"', '"}'), 'x'),
  'a long name of a task': () => full(around('tools/call', '{"task":{},"name":"', '"}'), '\\u0001'),
  'a long prompt': () => full(around('prompts/get', '{"name":"', '"}'), 'x'),
  'arguments of a prompt': () =>
    numbered(
      around('prompts/get', '{"name":"write","arguments":{', '')[0],
      (n) => `"key ${n} ${'x'.repeat(42)}":1,`,
      '"tone":"x"}}}',
    ),
  'a long argument of a prompt': () => full(around('prompts/get', '{"name":"write","arguments":{"tone":"', '"}}'), 'x'),
  'a long URI': () => full(around('resources/read', '{"uri":"notes://', '"}'), 'x'),
  'a long URI of control characters': () => full(around('resources/read', '{"uri":"', '"}'), '\\u0001'),
  'a long method': () => filled('{"jsonrpc":"2.0","id":2,"method":"', 'x', '"}'),
  'a long id': () => filled('{"jsonrpc":"2.0","method":"tools/list","id":"', 'x', '"}'),
  'a long id of a notification that cancels': () =>
    filled('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"', 'x', '"}}'),
  'a long progress token': () => full(around('tools/call', '{"name":"take","_meta":{"progressToken":"', '"}}'), 'x'),
  'a long progress notification': () =>
    filled('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"', 'x', '","progress":1}}'),
  'a long task id': () => full(around('tasks/get', '{"taskId":"', '"}'), 'x'),
  'a long task id to cancel': () => full(around('tasks/cancel', '{"taskId":"', '"}'), '\\u0001'),
  'a long task id of a result': () => full(around('tasks/result', '{"taskId":"', '"}'), 'x'),
  'a long cursor': () => full(around('tools/list', '{"cursor":"', '"}'), 'x'),
  'a long level of the log': () => full(around('logging/setLevel', '{"level":"', '"}'), 'x'),
  'a long initialize': () => full(around('initialize', '{"protocolVersion":"', '"}'), 'x'),
  'an answer to nothing': () => filled('{"jsonrpc":"2.0","id":"errand:', 'x', '","result":{}}'),
  'a result of nothing': () => filled('{"jsonrpc":"2.0","id":7,"result":{"a":[', '1234,', '1]}}'),
  'an error of nothing': () => filled('{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"', 'x', '"}}'),
  'no JSON': () => filled('[', '12345 ', ']'),
  'no JSON-RPC': () => filled('[', '1234,', '1]'),
  'a batch of empty objects': () => filled('[', '{"a":"abcdefghijklmnopqrstuvwxyz"},', '{}]'),
};

/** The shapes whose parsing alone would cost too much. All others are parsed. */
const tooCostly: ReadonlySet<string> = new Set([
  'array of wrong numbers',
  'array of empty strings',
  'array of doubles',
  'array of empty objects',
  'array of empty arrays',
  'array of unions',
  'array of kinds',
  'record of wrong values',
  'nested arrays',
  'nested arrays that are closed',
  'nested objects',
  'a wide tree',
]);

function check(name: string, text: string, peak: number, times = 1): void {
  if (process.env['SHOW_COSTS'] !== undefined) {
    process.stderr.write(`${name}: ${(peak / mib).toFixed(0)} MiB, ${text.length} characters: ${text.slice(0, 120)}\n`);
  }
  expect(child.exitCode ?? child.signalCode).toBeNull();
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16 * 1024 * times);
  expect(peak).toBeLessThanOrEqual(10 * 4 * mib);
}

const healthy = async (): Promise<void> => expect((await fetch(new URL('/healthz', url))).status).toBe(200);

describe('a request of 4 MB', () => {
  it.each(Object.keys(shapes))('[B1] costs at most ten times its size and is answered briefly: %s', async (name) => {
    const body = shapes[name]!();
    expect(body.length).toBeLessThanOrEqual(4 * mib);
    const { result, peak } = await peakOf(() => post(body));
    check(name, result.text, peak);
    expect(result.status === 413).toBe(tooCostly.has(name));
    expect(result.status).not.toBe(404);
    await healthy();
  });

  it('[B1] costs no more where it comes in chunks of one byte', async () => {
    const head = `POST /mcp HTTP/1.1\r\nhost: ${new URL(url).host}\r\ncontent-type: application/json\r\naccept: */*\r\nmcp-session-id: ${session}\r\ntransfer-encoding: chunked\r\n\r\n`;
    const { result, peak } = await peakOf(async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
      socket.write(head);
      const some = '1\r\n \r\n'.repeat(10_000);
      for (let n = 0; n < 50; n++) if (!socket.write(some)) await once(socket, 'drain');
      socket.write('0\r\n\r\n');
      const [answer] = (await once(socket, 'data')) as [string];
      socket.destroy();
      return answer;
    });
    expect(result).toContain('400');
    check('chunks of one byte', result, peak);
  });

  it('[B1] is told of ten issues, and that there are more', async () => {
    const { text } = await post(shapes['as many wrong numbers as are parsed']!());
    expect(text).toContain('strings.9: Invalid input: expected string, received number; and more');
    expect(text).not.toContain('strings.10:');
  });

  it('[B1] is told how many issues there are where that is known', async () => {
    const { text } = await post(request('tools/call', `{"name":"take","arguments":{"strings":[${'1,'.repeat(29)}1]}}`));
    expect(text).toContain('strings.9: Invalid input: expected string, received number; and 20 more');
  });

  it.each([
    ['many messages', () => filled('[', '{"jsonrpc":"2.0","method":"a"},', '{"jsonrpc":"2.0","method":"a"}]'), 1],
    ['many requests', () => filled('[', '{"jsonrpc":"2.0","id":1,"method":"a"},', '1]'), 1],
    [
      'twenty wrong calls',
      () => {
        const part = full(call('"strings":[', '1]'), '"abcdefghijkl",', 12_000).replaceAll('"abc', '1,"abc');
        return `[${Array.from({ length: 20 }, (_, n) => part.replace(/"id":\d+/, `"id":${ids + n}`)).join(',')}]`;
      },
      20,
    ],
  ] as const)('[B1] costs no more in a batch: %s', async (name, make, answers) => {
    const old = await initialize('2025-03-26');
    const body = make();
    expect(body.length).toBeLessThanOrEqual(4 * mib);
    const { result, peak } = await peakOf(() => post(body, old));
    check(name, result.text, peak, answers);
    await healthy();
  });
});

describe('an answer of 4 MB to a question', () => {
  const contents: Record<string, readonly [what: string, result: () => string]> = {
    'a field that is too long': ['form', () => filled('{"action":"accept","content":{"which":"', 'x', '"}}')],
    'an unknown action': ['form', () => filled('{"action":"', '\\u0001', '"}')],
    'fields that nobody asked for': [
      'form',
      () => `{"action":"accept","content":{${list(68_000, (n) => `"key ${n} ${'x'.repeat(42)}":1,`)}"z":1}}`,
    ],
    'wrong content of a model': [
      'sample',
      () => filled('{"role":"assistant","model":"m","content":[', '{"type":"strange and longer than that"},', '1]}'),
    ],
    'roots that are none': ['roots', () => filled('{"roots":[', '{"uri":"http://example.com/abcdef/ghijk"},', '1]}')],
  };

  it.each(['in the foreground', 'as a task'].flatMap((mode) => Object.keys(contents).map((name) => [mode, name])))(
    '[B1] costs at most ten times its size and ends the call with a brief error: %s, %s',
    async (mode, name) => {
      const [what, make] = contents[name]!;
      const result = make();
      const params = `{"name":"ask","arguments":{"what":"${what}"}${mode === 'as a task' ? ',"task":{}' : ''}}`;
      const { result: told, peak } = await peakOf(() => ask(request('tools/call', params), result));
      check(name, told, peak);
      expect(told).toMatch(/does not fit|an invalid result|bytes of JSON/);
      await healthy();
    },
  );

  /** What a call says in the end, whose question is answered. */
  async function ask(body: string, result: string): Promise<string> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session,
    };
    let { body: stream } = await fetch(url, { method: 'POST', body, headers });
    let told = '';
    for (;;) {
      for await (const chunk of stream!.pipeThrough(new TextDecoderStream())) {
        told += chunk;
        const [, id] = /"id":"(errand:[^"]+)"/.exec(told) ?? [];
        if (id === undefined) continue;
        told = '';
        const { status: taken } = await post(`{"jsonrpc":"2.0","id":"${id}","result":${result}}`);
        if (taken !== 202) throw new Error(`The answer was not taken: ${taken}`);
      }
      const [, task] = /"taskId":"([^"]+)","status"/.exec(told) ?? [];
      if (task === undefined) return told;
      told = '';
      ({ body: stream } = await fetch(url, {
        method: 'POST',
        body: request('tasks/result', `{"taskId":"${task}"}`),
        headers,
      }));
    }
  }
});

describe('4 MB that do not fit', () => {
  it.each([
    ['what is added to the docket', 'add', /strings\.9: [^;]*; and more/],
    ['what a tool returns', 'returns', /strings\.9: [^;]*; and more|Reference/],
  ])('[B1] cost at most ten times their size: %s', async (name, tool, expected) => {
    const { result, peak } = await peakOf(() => post(request('tools/call', `{"name":"${tool}","arguments":{}}`)));
    check(name, result.text, peak);
    expect(result.text).toMatch(expected);
    await healthy();
  });
});

describe('what is logged of all that', () => {
  it('[B1] is brief', () => {
    expect(log.length).toBeLessThan(64 * 1024);
    for (const line of log.split('\n')) expect(line.length).toBeLessThan(8 * 1024);
  });
});

/** A sample: what differs from HTTP is the transport alone. */
const overStdio =
  /array of wrong|array of unions|as many keys|a deep tree|one long key$|nested objects|long (id|URI|method|name)$/;

describe('a message of 4 MB over stdio', () => {
  it('[B1] is answered briefly, whatever it contains, and the server lives on', async () => {
    const program = ['--max-old-space-size=256', cli, 'run', join(root, 'test/faults/servers/victim.ts')];
    const server = spawn(process.execPath, program, {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', ...asBuilt },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      const names = Object.keys(shapes).filter((name) => overStdio.test(name));
      const answers: string[] = [];
      let rest = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        answers.push(...lines);
      });
      for (const name of [...names, 'the end']) {
        const before = answers.length;
        const body = name === 'the end' ? request('ping', '{}') : shapes[name]!();
        if (!server.stdin.write(`${body}\n`)) await once(server.stdin, 'drain');
        await eventually(() => expect([name, answers.length]).toEqual([name, before + 1]));
      }
      expect(Math.max(...answers.map((answer) => Buffer.byteLength(answer)))).toBeLessThanOrEqual(16 * 1024);
      expect(server.exitCode ?? server.signalCode).toBeNull();
    } finally {
      const ended = once(server, 'close');
      server.kill();
      await ended;
    }
  });
});
