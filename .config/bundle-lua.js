import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import luaparse from 'luaparse';
import { constants } from '../src/redis/lua/constants.ts';
import { keyParts } from '../src/redis/keys.ts';

/*
 * Bundles the Lua of the Redis engine into src/redis/lua/bundle.ts: `jiti .config/bundle-lua.js`. Each file of lua/steps becomes
 * one script: the parts that it includes, then its body as a function that lua/batch.lua runs. With --check, nothing is written.
 *
 * In the files,
 * - `--- @include "lib/record"` includes a part. A file uses only what it defines or includes itself.
 * - `--- @bullmq addJob` defines a function that runs one of BullMQ's own scripts; nil if the installed BullMQ is not known.
 * - `executionKey(key)` stands for a key of the table in redis/keys.ts; names in capitals stand for values of lua/constants.ts.
 * - each begins with a header, whose claims are checked: the keys that a step uses, and whether it writes.
 */

const home = new URL('../src/redis/lua/', import.meta.url);
const target = new URL('bundle.ts', home);

/** Names that Redis gives to every script. */
const given = new Set(
  `redis cjson cmsgpack KEYS ARGV string table math ipairs pairs next pcall error type tonumber tostring unpack select`.split(
    ' ',
  ),
);
const lists = new Set(['END_FIELDS', 'EXECUTION_STATES', 'SUMMARY_FIELDS']);
const bullmq = new Set(['addJob', 'takeJob', 'finishJob']);
/** What batch.lua gets from the bundler. */
const frame = new Set(['step', 'PACKED']);

const writes = new Set(
  `APPEND DECR DECRBY DEL EXPIRE HDEL HINCRBY HSET HSETNX INCR INCRBY LPOP LPUSH LREM LSET LTRIM PERSIST PEXPIRE PEXPIREAT RENAME
  RPOP RPUSH SADD SET SETEX SETNX SREM UNLINK XADD XDEL XTRIM ZADD ZINCRBY ZPOPMIN ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE`.split(
    /\s+/,
  ),
);

class Fault extends Error {}

/** @returns {{ path: string, source: string, header: Map<string, string>, includes: string[], bullmq: string[], defines: Set<string>, globals: Map<string, number>, keys: Set<string>, writes: boolean, text: string }} */
function read(path) {
  const source = readFileSync(new URL(`${path}.lua`, home), 'utf8');
  const fail = (message) => {
    throw new Fault(`src/redis/lua/${path}.lua: ${message}`);
  };
  let chunk;
  const calls = [];
  try {
    chunk = luaparse.parse(source, {
      luaVersion: '5.1',
      comments: true,
      scope: true,
      ranges: true,
      locations: true,
      onCreateNode: (node) => {
        if (node.type === 'CallExpression') calls.push(node);
      },
    });
  } catch (error) {
    fail(error.message);
  }
  const [first] = chunk.comments;
  if (first?.range[0] !== 0 || !first.raw.startsWith('--[['))
    fail('begins without a header. Say what it does in --[[ ... ]].');
  const directives = chunk.comments.filter(({ raw }) => raw.startsWith('--- @'));
  const named = (name) =>
    directives.flatMap(({ value }) => new RegExp(`^- @${name} "?([\\w/-]+)"?$`).exec(value)?.slice(1) ?? []);
  const defines = new Set(
    chunk.body.flatMap((statement) => {
      if (statement.type === 'LocalStatement') return statement.variables.map(({ name }) => name);
      return statement.type === 'FunctionDeclaration' && statement.isLocal ? [statement.identifier.name] : [];
    }),
  );
  const globals = new Map(chunk.globals.map(({ name, loc }) => [name, loc.start.line]));

  const edits = chunk.comments.map(({ range }) => [...range, '']);
  const keys = new Set();
  for (const { base, arguments: args, range } of calls) {
    const part = base.type === 'Identifier' && /^(\w+)Key$/.exec(base.name)?.[1];
    if (!part || !Object.hasOwn(keyParts, part)) continue;
    keys.add(part);
    globals.delete(base.name);
    const [name] = args;
    const fixed = keyParts[part];
    if (args.length > 1) fail(`line ${base.loc.start.line}: ${base.name}() takes one name.`);
    if (!name) edits.push([...range, `(KEYS[1] .. ':${fixed}')`]);
    else {
      edits.push([range[0], name.range[0], `(KEYS[1] .. ':${fixed}' .. (`]);
      edits.push([name.range[1], range[1], name.type === 'StringLiteral' ? '))' : ` or ''))`]);
    }
  }
  luaparse.parse(source, {
    luaVersion: '5.1',
    ranges: true,
    scope: true,
    onCreateNode: (node) => {
      if (node.type !== 'Identifier' || !Object.hasOwn(constants, node.name)) return;
      const value = constants[node.name];
      const texts = [value].flat().map((item) => (typeof item === 'number' ? String(item) : `'${item}'`));
      edits.push([...node.range, texts.join(', ')]);
      globals.delete(node.name);
    },
  });
  const wrote = calls.some(
    ({ base, arguments: [command] }) =>
      base.type === 'MemberExpression' && base.base.name === 'redis' && writes.has(command?.raw?.slice(1, -1) ?? ''),
  );
  return {
    path,
    fail,
    header: headerOf(first.value),
    includes: named('include'),
    bullmq: named('bullmq'),
    defines,
    globals,
    keys,
    writes: wrote,
    text: edited(source, edits),
  };
}

/** The fields of a header: what it says before them is `what`. */
function headerOf(comment) {
  const fields = new Map();
  let name = 'what';
  for (const line of comment.split('\n')) {
    const [, field, rest] = /^(KEYS|ARGV|Returns|Must not|Options) +(.*)$/.exec(line) ?? [];
    if (field) name = field;
    fields.set(name, `${fields.get(name) ?? ''} ${rest ?? line.trim()}`.trim());
  }
  return fields;
}

function edited(source, edits) {
  let text = '';
  let at = 0;
  for (const [from, to, by] of edits.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    text += source.slice(at, from) + by;
    at = to;
  }
  return (text + source.slice(at))
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
    .trim();
}

const parts = new Map();
const partAt = (path) => {
  if (!parts.has(path)) parts.set(path, read(path));
  return parts.get(path);
};

/** The files that a file includes, each after those that it includes itself. */
function included(file, found = new Set(), within = []) {
  for (const path of file.includes) {
    if (within.includes(path)) file.fail(`includes ${path}, which includes it.`);
    included(partAt(path), found, [...within, path]);
    found.add(path);
  }
  return [...found].map(partAt);
}

/** A file uses what it includes, and includes what it uses. */
function checkNames(file) {
  const direct = file.includes.map(partAt);
  for (const [name, line] of file.globals) {
    if (given.has(name) || file.bullmq.includes(name) || (file.path === 'batch' && frame.has(name))) continue;
    if (direct.some(({ defines }) => defines.has(name))) continue;
    const where = everything.find(({ defines, path }) => defines.has(name) && !path.startsWith('steps/'));
    file.fail(`line ${line}: ${name} is not defined.${where ? ` Include "${where.path}".` : ''}`);
  }
  for (const { path, defines } of direct) {
    if (![...defines].some((name) => file.globals.has(name))) file.fail(`includes ${path}, but uses nothing of it.`);
  }
  for (const name of file.bullmq) {
    if (!bullmq.has(name)) file.fail(`BullMQ has no ${name}. Known are ${[...bullmq].join(', ')}.`);
    if (!file.globals.has(name)) file.fail(`does not use ${name}.`);
  }
}

function checkStep(step, all) {
  for (const field of ['what', 'KEYS', 'ARGV', 'Returns', 'Must not']) {
    if (!step.header.get(field)) step.fail(`its header has no ${field === 'what' ? 'description' : field}.`);
  }
  const keys = [...new Set(all.flatMap((file) => [...file.keys]))].sort();
  const claimed = `1: prefix of the docket${keys.length > 0 ? `, for ${keys.join(' ')}` : ''}`;
  if (step.header.get('KEYS') !== claimed) step.fail(`its header has wrong keys. They are:\nKEYS      ${claimed}`);
  if (step.header.get('Must not') === 'write' && all.some((file) => file.writes))
    step.fail('must not write, but does.');
}

/** A step as the source of an object. The bundle holds each part once. */
function bundle(step) {
  const before = [...new Set([...included(partAt('batch')), ...included(step)])];
  checkStep(step, [...before, step]);
  const options = new Set(step.header.get('Options')?.split(' '));
  const needs = [...before, step].flatMap((file) => file.bullmq);
  return `{
    name: ${JSON.stringify(step.path.slice('steps/'.length))},
    bullmq: ${JSON.stringify([...new Set(needs)])},
    parts: [${before.map(({ path }) => `parts[${JSON.stringify(path)}]`).join(', ')}],
    body: ${JSON.stringify(step.text)},
    alone: ${options.has('alone')},
    packed: ${options.has('packed')},
  }`;
}

const camelCase = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

const everything = readdirSync(home, { recursive: true })
  .filter((name) => name.endsWith('.lua'))
  .map((name) => name.replaceAll('\\', '/').slice(0, -4))
  .sort()
  .map(partAt);

try {
  everything.forEach(checkNames);
  const rooms = {};
  for (const step of everything.filter(({ path }) => path.startsWith('steps/'))) {
    const [, room, name] = step.path.split('/');
    (rooms[camelCase(room)] ??= {})[camelCase(name)] = bundle(step);
  }
  const reached = new Set(everything.flatMap((file) => [file, ...included(file)].slice(1).map(({ path }) => path)));
  for (const { path, fail } of everything) {
    if (!path.startsWith('steps/') && path !== 'batch' && !reached.has(path)) fail('is included nowhere.');
  }
  const used = everything.filter(({ path }) => !path.startsWith('steps/') && path !== 'batch');
  const written = `/* Made by .config/bundle-lua.js from the Lua in this folder. Do not edit. */
import type { LuaStep } from './lua-step.js';

const parts = {
${used.map(({ path, text }) => `  ${JSON.stringify(path)}: ${JSON.stringify(text)},`).join('\n')}
} as const;

/** Runs the step that stands before it. With packed replies, and without. */
export const batch = {
  packed: ${JSON.stringify(partAt('batch').text.replace('PACKED', 'true'))},
  plain: ${JSON.stringify(partAt('batch').text.replace('PACKED', 'false'))},
} as const;

/** The steps, by the folders and names of their files. */
export const lua = {
${Object.entries(rooms)
  .map(
    ([room, steps]) =>
      `  ${room}: {\n${Object.entries(steps)
        .map(([name, step]) => `  ${name}: ${step},`)
        .join('\n')}\n  },`,
  )
  .join('\n')}
} satisfies Record<string, Record<string, LuaStep>>;
`;
  if (!process.argv.includes('--check')) writeFileSync(target, written);
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
