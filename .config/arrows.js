/**
 * The folders of src and what each may import, from design section "Folders". The linter's zones and
 * test/package/arrows.test.ts are both made from this table, so that there is one place to change.
 */
const upTo = {};
upTo.components = ['base', 'injection', 'protocol'];
upTo.call = [...upTo.components, 'telemetry', 'components'];
upTo.docket = [...upTo.call, 'call'];
upTo.engines = [...upTo.docket, 'docket'];
upTo.bindings = [...upTo.engines, 'tasks', 'transports'];
upTo.server = [...upTo.engines, 'redis', 'tasks', 'transports', 'bindings'];
upTo.hosts = [...upTo.server, 'server'];

export const folders = {
  base: { may: [], why: 'base knows nothing of MCP, injection or Redis' },
  telemetry: { may: ['base'], why: 'everybody counts by it, so it knows nobody' },
  protocol: { may: ['base'], why: 'protocol is the vocabulary of MCP, without logic' },
  injection: { may: ['base'], why: 'injection is a container for any program; it knows nothing of MCP' },
  components: { may: upTo.components, why: 'components are definitions; they do not run anything' },
  call: { may: upTo.call, why: 'a call must run the same without a docket, a task or a transport' },
  docket: { may: upTo.docket, why: 'the docket serves any caller; tasks and bindings build on it' },
  redis: { may: upTo.engines, why: 'an engine implements the interface of docket and nothing else' },
  tasks: { may: upTo.engines, why: 'tasks are neutral to generations of the protocol and to engines' },
  transports: {
    may: ['base', 'telemetry', 'protocol'],
    why: 'a transport moves messages; it knows no method names and no generation',
  },
  bindings: { may: upTo.bindings, why: 'a binding translates the wire to the core; the server assembles it' },
  server: { may: upTo.server, why: 'the server is assembled from everything below and used by nothing below' },
  client: { may: ['base', 'protocol'], why: 'the client must load without the server' },
  nest: { may: upTo.hosts, why: 'the NestJS module is one host of the server' },
  testing: { may: [...upTo.hosts, 'client'], why: 'the test kit drives a server through a client' },
  cli: { may: [...upTo.hosts, 'client'], why: 'the command is the outermost folder' },
};
/** Packages that one folder alone may import. */
export const owners = {
  tsyringe: {
    folders: ['injection'],
    why: 'tsyringe is the vocabulary of injection; everyone else imports src/injection',
  },
  '@modelcontextprotocol/sdk': {
    folders: ['protocol', 'bindings', 'client'],
    why: 'a new revision of MCP must not touch the core',
  },
  ioredis: { folders: ['redis'], why: 'Redis is optional and loaded only when used' },
  bullmq: { folders: ['redis'], why: 'BullMQ is optional and loaded only when used' },
  '@nestjs': { folders: ['nest'], why: 'NestJS is optional and loaded only when used' },
  'prom-client': {
    folders: ['server'],
    why: 'everyone else counts by the Meters of src/telemetry, whoever reads them',
  },
  '@opentelemetry': {
    folders: ['server'],
    why: 'everyone else makes spans by the Tracing of src/telemetry, whoever sees them',
  },
  typescript: { folders: ['cli'], why: 'the TypeScript of a project is optional and loaded only when used' },
  jiti: { folders: ['cli'], why: 'loading TypeScript at run time belongs to the command' },
};
