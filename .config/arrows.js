/**
 * The folders of src and what each may import, from design section "Folders". The linter's zones and
 * test/package/arrows.test.ts are both made from this table, so that there is one place to change.
 */
export const folders = {
  base: { may: [], why: 'base knows nothing of MCP, injection or Redis' },
  injection: { may: ['base'], why: 'injection is a container for any program; it knows nothing of MCP' },
  protocol: { may: ['base'], why: 'protocol is low-level MCP vocabulary without logic' },
  components: { may: ['base', 'injection', 'protocol'], why: 'components are definitions; they do not run anything' },
  call: {
    may: ['base', 'injection', 'protocol', 'components'],
    why: 'a call must run the same without a docket, a task or a transport',
  },
  docket: {
    may: ['base', 'injection', 'protocol', 'components', 'call'],
    why: 'the docket serves any caller; tasks and bindings build on it',
  },
  redis: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket'],
    why: 'an engine implements the interface of docket and nothing else',
  },
  tasks: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket'],
    why: 'tasks are neutral to protocol revisions and to engines',
  },
  bindings: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket', 'tasks'],
    why: 'a binding translates the wire to the core; the server assembles it',
  },
  server: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket', 'redis', 'tasks', 'bindings'],
    why: 'the server is assembled from everything below and used by nothing below',
  },
  client: { may: ['base', 'protocol'], why: 'the client must load without the server' },
  nest: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket', 'tasks', 'bindings', 'server'],
    why: 'the NestJS module is one host of the server',
  },
  testing: {
    may: ['base', 'injection', 'protocol', 'components', 'call', 'docket', 'tasks', 'bindings', 'server', 'client'],
    why: 'the test kit drives a server through a client',
  },
  cli: {
    may: [
      'base',
      'injection',
      'protocol',
      'components',
      'call',
      'docket',
      'redis',
      'tasks',
      'bindings',
      'server',
      'client',
    ],
    why: 'the command is the outermost folder',
  },
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
  'prom-client': { folders: ['server'], why: 'everyone else counts by the Meters of src/base, whoever reads them' },
  '@opentelemetry': {
    folders: ['server'],
    why: 'everyone else makes spans by the Tracing of src/base, whoever sees them',
  },
  jiti: { folders: ['cli'], why: 'loading TypeScript at run time belongs to the command' },
};
