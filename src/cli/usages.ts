/** The options that tell a command which docket to open. */
const docket = `             [--docket-url <url>]   the Redis of the docket (ERRAND_DOCKET_URL)
             [--docket-name <name>] the name of the docket (ERRAND_DOCKET_NAME)
             [--server <file>]      take both from a server file`;

/** The usage of each command, as printed in the help, in its order. */
export const usages = {
  run: `  errand run <file>                 serve the file's server over stdio; <file>:<name> for an export by that name
  errand run <file> --http <port>   serve it over Streamable HTTP (0 = a free port)
             [--host <address>]     bind to an address other than 127.0.0.1
             [--allow-host <name>]  also answer requests for this host name; repeat for each name
             [--stateless]          keep no sessions, so that any process can serve any request
             [--monitor-port <port>]     serve /healthz, /livez and /metrics on a separate port, with stdio too
             [--monitor-host <address>]  bind that port to an address other than 127.0.0.1`,
  worker: `  errand worker <file>              run calls from the docket of the file's server; serves no clients
             [--concurrency <n>]    run at most this many calls at once
             [--docket-url <url>]   the Redis of the docket; overrides the file and the environment
             [--name <name>]        the worker's name in logs and metrics; default: host name and process id
             [--port <port>]        for /healthz, /livez and /metrics; default: 9464, or a free one if that is taken
             [--host <address>]     bind that port to an address other than 127.0.0.1`,
  tasks: `  errand tasks ls                   list the executions of a docket, the newest first
             [--state <state>] [--component <name>] [--limit <number>]
  errand tasks dead                 list failed executions, with their errors
             [--component <name>] [--limit <number>]
  errand tasks show <key>           show one execution, with its questions and outcome
             [--input]              also show its input
  errand tasks watch [key]          print changes: of one execution until it ends, or of all
  errand tasks answer <key> [question]  answer a question in the client's stead; without its key, the only open one
             [--content <json>]     the fields of the form, or the single value that is asked for
             [--action <action>]    accept, decline or cancel, without content
             [--result <json>]      the whole answer: of a model, or the client's roots
             [--by <name>]          who answers; default: the user who runs the command
  errand tasks cancel <key>         cancel an execution, running or not
             [--reason <text>]      the reason to give
  errand tasks retry <key>          run a failed execution again
${docket}
             [--json]               print one line of JSON per row; not for answer, cancel and retry`,
  workers: `  errand workers                    list the live workers of a docket
${docket}
             [--json]               print one line of JSON per row`,
} as const;
