const specification = 'https://modelcontextprotocol.io/specification/2025-11-25';
const tasks = `${specification}/basic/utilities/tasks`;
const progress = `${specification}/basic/utilities/progress`;
const cancellation = `${specification}/basic/utilities/cancellation`;
const elicitation = `${specification}/client/elicitation`;

/** One thing that MCP 2025-11-25 asks of a server that runs tasks. */
export interface Requirement {
  /** Cited by the titles of tests in square brackets: M for MCP, a letter for the topic, a number. */
  readonly id: string;
  readonly text: string;
  /** The section of the specification that it comes from. */
  readonly spec: string;
}

/**
 * What a server has to do for tasks. Each is proved by at least one test of this folder, whose title cites its id; a
 * requirement that no title cites fails the suite (test/package/requirements.test.ts).
 */
export const requirements: readonly Requirement[] = [
  // Capabilities
  {
    id: 'MC1',
    text: 'A server that runs tasks declares `tasks` at initialize, as objects: list, cancel, requests.',
    spec: `${tasks}#server-capabilities`,
  },
  {
    id: 'MC2',
    text: '`tasks.requests` is exhaustive: for a type that it does not name, `task` is ignored and the request processed.',
    spec: `${tasks}#task-support-and-handling`,
  },
  {
    id: 'MC3',
    text: '`tasks.list` and `tasks.cancel` gate their methods; list is not declared where requestors cannot be told apart.',
    spec: `${tasks}#capability-negotiation`,
  },
  {
    id: 'MC4',
    text: 'Only what the peer declared is augmented: no question to the client carries `task`.',
    spec: `${tasks}#capability-negotiation`,
  },
  {
    id: 'MC5',
    text: 'Each tool of `tools/list` says its `execution.taskSupport`; absent means forbidden.',
    spec: `${tasks}#tool-level-negotiation`,
  },
  {
    id: 'MC6',
    text: '-32601 for `task` where it is forbidden or absent, and for a call without `task` where it is required.',
    spec: `${tasks}#tool-level-negotiation`,
  },
  // Creation
  {
    id: 'MT1',
    text: 'An accepted task is answered at once with CreateTaskResult, which never has the result of the operation.',
    spec: `${tasks}#creating-tasks`,
  },
  {
    id: 'MT2',
    text: 'Task ids are strings, made by the server, unique, and unguessable where nothing else protects a task.',
    spec: `${tasks}#task-id-requirements`,
  },
  {
    id: 'MT3',
    text: 'A task begins as `working`, however fast its worker is.',
    spec: `${tasks}#task-status-lifecycle`,
  },
  {
    id: 'MT4',
    text: '`createdAt`, `lastUpdatedAt` and the actual `ttl` are in every task that is answered, listed or notified.',
    spec: `${tasks}#ttl-and-resource-management`,
  },
  {
    id: 'MT5',
    text: '`pollInterval` suggests, in whole milliseconds, how often to ask.',
    spec: `${tasks}#ttl-and-resource-management`,
  },
  {
    id: 'MT6',
    text: 'A tool may give the model an immediate text in `_meta` of its CreateTaskResult.',
    spec: `${tasks}#creating-tasks`,
  },
  {
    id: 'MT7',
    text: 'A task is stored before it is answered: `tasks/get` right after it resolves.',
    spec: `${tasks}#getting-tasks`,
  },
  // States
  {
    id: 'MS1',
    text: 'A terminal status never changes; cancelled stays cancelled whatever the work still does.',
    spec: `${tasks}#task-status-lifecycle`,
  },
  {
    id: 'MS2',
    text: '`input_required` while and only while the task waits for input, with several inputs until the last one came.',
    spec: `${tasks}#input-required-status`,
  },
  {
    id: 'MS3',
    text: '`failed` for a JSON-RPC error and for a tool result with `isError`, with a `statusMessage` that says why.',
    spec: `${tasks}#task-execution-errors`,
  },
  // Input
  {
    id: 'MI1',
    text: 'What is sent for a task carries related-task metadata; answers are told by their id and need none.',
    spec: `${tasks}#associating-task-related-messages`,
  },
  {
    id: 'MI2',
    text: 'Questions come on the stream of `tasks/result` or the standalone stream; `tasks/get` is not upgraded to one.',
    spec: `${tasks}#input-required-status`,
  },
  {
    id: 'MI3',
    text: 'Only modes that the client declared are asked in; what is asked is bound to the user, not to a session alone.',
    spec: `${elicitation}#capabilities`,
  },
  // Getting, results, lists, cancelling
  {
    id: 'MG1',
    text: '`tasks/get` answers a flat task without related-task metadata; `params.taskId` alone says which.',
    spec: `${tasks}#associating-task-related-messages`,
  },
  {
    id: 'MR1',
    text: '`tasks/result` waits for the end of the task, for several who wait, while `tasks/get` goes on.',
    spec: `${tasks}#result-retrieval`,
  },
  {
    id: 'MR2',
    text: '`tasks/result` answers what the request itself would have been answered, result or JSON-RPC error.',
    spec: `${tasks}#result-retrieval`,
  },
  {
    id: 'MR3',
    text: 'The result of a cancelled task is one stable error, for those who wait already and those who ask later.',
    spec: `${tasks}#result-retrieval`,
  },
  {
    id: 'MR4',
    text: 'A client that drops the stream of `tasks/get` or `tasks/result` does not touch the task.',
    spec: `${tasks}#retrieving-task-results`,
  },
  {
    id: 'ML1',
    text: '`tasks/list` pages by opaque cursors through all tasks of the requestor, and no other.',
    spec: `${tasks}#task-listing`,
  },
  {
    id: 'MX1',
    text: '`tasks/cancel` stops the work, and the task is cancelled before the answer goes out.',
    spec: `${tasks}#task-cancellation`,
  },
  {
    id: 'MX2',
    text: '`notifications/cancelled` of a request about a task ends that request, never the task.',
    spec: `${cancellation}#behavior-requirements`,
  },
  // Notifications
  {
    id: 'MN1',
    text: '`notifications/tasks/status` has the whole task and no related-task metadata.',
    spec: `${tasks}#task-notifications`,
  },
  {
    id: 'MP1',
    text: 'Progress comes under the token of the request that made the task, increases, and stops at the end.',
    spec: `${progress}#behavior-requirements`,
  },
  {
    id: 'MP2',
    text: 'A log message of a task carries related-task metadata.',
    spec: `${tasks}#associating-task-related-messages`,
  },
  // Errors
  {
    id: 'ME1',
    text: '-32602 for an invalid or unknown task id in get, result and cancel; expired and foreign ones look the same.',
    spec: `${tasks}#protocol-errors`,
  },
  { id: 'ME2', text: '-32602 for a cursor that the server did not give.', spec: `${tasks}#protocol-errors` },
  { id: 'ME3', text: '-32602 for the cancellation of a task that is terminal.', spec: `${tasks}#protocol-errors` },
  {
    id: 'ME4',
    text: '-32603 for what fails inside the server, without its details.',
    spec: `${tasks}#protocol-errors`,
  },
  // Security and resources
  {
    id: 'MA1',
    text: 'With authorization a task belongs to its principal: all others get, end, list and answer nothing of it.',
    spec: `${tasks}#task-isolation-and-access-control`,
  },
  {
    id: 'MA2',
    text: 'Without authorization the random id of 128 bits or more is what protects a task, and strangers list nothing.',
    spec: `${tasks}#task-isolation-and-access-control`,
  },
  {
    id: 'MA3',
    text: 'Open tasks and `ttl` are limited, ended tasks are forgotten, and what happens to tasks is logged.',
    spec: `${tasks}#resource-management`,
  },
];
