/** A fault that was found by attacking or misusing Errand, and mended with everything of its kind. */
export interface FoundFault {
  /** Cited by the titles of the tests that fail where it is not mended, as `[B1]`. */
  readonly id: string;
  /** How things are now that it is mended. */
  readonly mended: string;
}

/** Each needs a test that cites it; one without fails `npm run check`. */
export const foundFaults: readonly FoundFault[] = [
  { id: 'A1', mended: 'However long a person or a model thinks, the answer reaches the call that asked.' },
  {
    id: 'A2',
    mended: 'A call that blocks its event loop for longer than a lease is run once, and so is what runs beside it.',
  },
  {
    id: 'A3',
    mended: 'A stray rejection or exception fails the call that it belongs to at most, and nobody beside it.',
  },
  {
    id: 'A4',
    mended: 'A connection to Redis that has died without a sign is replaced within ten seconds, whoever has it.',
  },
  {
    id: 'A5',
    mended:
      'A docket that Redis has lost gets back the schedules that live processes have declared; the rest is named.',
  },
  { id: 'A6', mended: 'A client whose session is lost begins a new one, and every error that it throws has a code.' },
  { id: 'A7', mended: 'Nothing exits with output that its reader has not taken yet, within the grace.' },
  { id: 'A8', mended: 'A message over stdio that is too long is answered under its id, and everything else goes on.' },
  {
    id: 'A9',
    mended: 'A question goes to a client that waits; one that is not answered in time is shown to others as well.',
  },
  { id: 'A12', mended: 'Programs and operators can answer a question, and the record says who did.' },
  { id: 'A13', mended: 'Whoever waits for a result hears of it within two seconds after Redis has lost its data.' },
  { id: 'A14', mended: 'An access token that has expired is not handed to a call, and is told apart from none.' },
  { id: 'B1', mended: 'Whatever a request contains, it costs a small multiple of its size and is answered briefly.' },
  { id: 'B2', mended: 'A body is read only for a request with an acceptable head, within a budget and a time.' },
  {
    id: 'B3',
    mended:
      'A client that does not read costs a bounded amount of memory, and misses news only, not results or questions.',
  },
  {
    id: 'B4',
    mended: 'However much a call reports, each message and each inbox stay small, and nothing else is lost.',
  },
  {
    id: 'B5',
    mended: 'One client, whatever it opens, calls and submits, leaves sessions, streams and slots to all others.',
  },
  {
    id: 'B6',
    mended: 'Whatever cannot be read or written is answered with an error, and floods of them do not flood the log.',
  },
  { id: 'B7', mended: 'A damaged value in Redis is left out and told once; everything that is sound goes on.' },
  {
    id: 'B8',
    mended: 'Executions of a component that a fleet does not have wait without traffic until a worker has it.',
  },
  { id: 'C1', mended: 'Clients can compile every schema that is published, and every result fits its own.' },
  { id: 'C2', mended: 'What clients are told of arguments and results is what is enforced; defaults are filled in.' },
  {
    id: 'C6',
    mended: "Refusals say what was wrong, by the code that the protocol has for it; an author's $schema is kept.",
  },
  {
    id: 'C9',
    mended:
      'When the clocks change, a schedule ticks once for an hour of its pattern, and every hour if it is for all.',
  },
  {
    id: 'D1',
    mended: 'The likeliest mistakes of an author, misspelt options and tokens among them, are told with the way out.',
  },
  { id: 'D2', mended: 'What tsc runs, `errand run` runs, with the right lines; JavaScript is loaded by Node.js.' },
  {
    id: 'D3',
    mended: 'A provider that fails is named, arguments have the types of their schema, and names of jobs are kept.',
  },
  {
    id: 'D4',
    mended: 'Classes of one base have names of their own by a prefix, and a base that cannot be built says what works.',
  },
  {
    id: 'D6',
    mended:
      'Every test runner can load the package as it is by default, each process has one copy of it, and two are refused.',
  },
  { id: 'D7', mended: 'The command tells a person what it does, also when a server file never finishes loading.' },
  {
    id: 'D8',
    mended: 'What an operator sets, names, types or looks for is there: variables, a worker, a command, a failed tool.',
  },
];
