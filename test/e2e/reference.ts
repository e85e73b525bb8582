/** A fault of FastMCP, the Python framework for the same work, that its issues report or its sources show. */
export interface ReferenceFault {
  /** What the titles of tests cite, as `[F54]`. The gap in the numbers is a list of other things than servers and tasks. */
  readonly number: number;
  /** What goes wrong there, or what its users ask for. */
  readonly what: string;
  /**
   * `test`: a test shows that Errand does better. `docs`: the README says, under "Compared with FastMCP", why it cannot
   * occur; a test may show that as well. `elsewhere`: neither, for the reason given.
   */
  readonly proof: 'test' | 'docs' | 'elsewhere';
  /** Why there is no proof; present for `elsewhere`. */
  readonly reason?: string;
  /** The public issue, where there is one. */
  readonly issue?: string;
}

const fault =
  (proof: ReferenceFault['proof']) =>
  (number: number, what: string, issue?: string): ReferenceFault => ({
    number,
    what,
    proof,
    ...(issue !== undefined && { issue }),
  });
const tested = fault('test');
const explained = fault('docs');
const later = (number: number, what: string, reason: string, issue: string): ReferenceFault => ({
  ...fault('elsewhere')(number, what, issue),
  reason,
});

/** Where Errand is to do better, and what shows that it does (test/package/reference.test.ts checks both). */
export const reference: readonly ReferenceFault[] = [
  // Tasks, questions, distribution
  tested(1, 'No sampling in tasks, and no question of any kind in the next version.', 'fastmcp#2568'),
  tested(2, 'The status does not go back and forth between working and input_required.', 'fastmcp#2993'),
  tested(3, 'Clients that poll see no progress message.', 'fastmcp#2904'),
  tested(4, 'A worker does not know the request that made its task.', 'fastmcp#3175'),
  tested(5, 'Tasks are lost with the session that made them.', 'fastmcp#3758'),
  tested(6, 'No access token in a worker, and nothing of what the server opened at its start.', 'fastmcp#3095'),
  tested(7, 'No HTTP headers in a worker, later only for parts of the code of the author.', 'fastmcp#3545'),
  explained(8, 'What belongs to one call is kept where calls share it.', 'fastmcp#3654'),
  tested(9, 'Tasks that run together lose their progress to each other.', 'fastmcp#3716'),
  later(10, 'Restoring a token fails on a Redis cluster.', 'There is no Redis engine yet.', 'fastmcp#3897'),
  tested(11, 'Tasks get raw values instead of validated ones; invalid ones leave a task behind.', 'fastmcp#4349'),
  later(12, 'Tasks of a mounted server run in its parent.', 'Servers cannot be mounted.', 'fastmcp#3571'),
  later(13, 'Mounted tools lose what they say of tasks.', 'Servers cannot be mounted.', 'fastmcp#3569'),
  explained(14, 'Tasks fail where the server is part of another application.', 'fastmcp#2671'),
  tested(15, 'The capability for tasks stands in another place than clients look at.', 'fastmcp#2870'),
  tested(16, 'Waiting for a task hangs when it asks its user.', 'fastmcp#3798'),
  tested(17, 'Failures of a tool are told another way when it runs as a task.', 'fastmcp#3946'),
  tested(18, 'Sessions leave something behind when they end.', 'fastmcp#4519'),
  tested(19, 'A fixed ttl is reported instead of that of the task.', 'fastmcp#3279'),
  explained(20, 'Bearer tokens and all headers lie in Redis.', 'fastmcp#4747'),
  later(
    21,
    'Users cannot choose another engine for tasks.',
    'Engines are behind one interface, but there is only one of them yet.',
    'fastmcp#4435',
  ),
  later(
    22,
    'The server cannot decide for each call whether it becomes a task.',
    'Clients ask for tasks, and nobody else does in 2025-11-25.',
    'fastmcp#3288',
  ),
  later(23, 'Proxies forbid tasks.', 'There is no proxy.', 'fastmcp#2574'),
  later(
    24,
    'Clients without tasks cannot call tools that require them.',
    '2025-11-25 demands that such a call is refused.',
    'fastmcp#3203',
  ),
  tested(25, 'The work of a task is a trace of its own.', 'fastmcp#4506'),
  explained(26, 'The stored arguments of a task expire before it runs, and it runs without.', 'fastmcp#5143'),
  tested(
    27,
    'Who called leaks into the next task of the slot; cancelling a task that waits does nothing; two answers run it twice.',
    'fastmcp#4603',
  ),
  explained(28, 'A call within a tool inherits that the client asked for a task.'),
  tested(29, 'Times in milliseconds are sent as fractions, which strict clients refuse.', 'fastmcp#5003'),
  tested(30, 'The timeout of a tool does not count in a worker.', 'fastmcp#2872'),
  tested(31, 'A question without fields hangs clients.', 'fastmcp#3910'),
  later(
    32,
    'The state of a session is silently not kept where there are no sessions.',
    'Context has no state yet.',
    'fastmcp#5134',
  ),
  later(33, 'Questions are lost in a proxy.', 'There is no proxy.', 'fastmcp#3169'),
  tested(34, 'Servers without tasks start what tasks need, and fail with it.', 'fastmcp#3862'),
  tested(35, 'Tasks need HTTP sessions.', 'gemini-cli#18412'),
  tested(36, 'Each question that waits holds up a worker.', 'modelcontextprotocol#1869'),

  // Found in the sources
  tested(52, 'A task is forgotten a fixed time after it was made, while it still runs.'),
  tested(53, 'Ten users who think stall a worker.'),
  tested(54, 'Two questions of one task overwrite each other, and an old answer fits a new question.'),
  tested(55, 'A question is dropped after five minutes, while its task waits for an hour.'),
  tested(56, 'A question is lost with the process or the connection that carried it.'),
  tested(57, 'Without a standing stream a question is never delivered, and nothing gives it up.'),
  tested(58, 'tasks/get never says input_required, and nothing says working after the answer.'),
  tested(59, 'tasks/result does not wait, and tasks/cancel of a finished task succeeds.'),
  tested(60, 'The client keeps its first status for ever, and polls as it likes.'),
  tested(61, 'Progress loses its fractions, refuses totals below 1, and its last message is deleted.'),
  tested(62, 'Logging in a task fails the tool.'),
  tested(63, 'A task that runs again asks everything again, and is not told that it does.'),
  explained(64, 'A lock that runs out, and a crash between two writes, leave a task without its answer.'),
  tested(65, 'lastUpdatedAt is always now.'),
  tested(66, 'The first news of a task come before its id.'),
  tested(67, 'The docs and the code disagree on tasks where they are forbidden.'),
  tested(68, 'Errors in a worker are shown to the client as they are.'),
];
