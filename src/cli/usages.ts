/** How a docket is named to the commands that look into one. */
const docket = `             [--docket-url <url>]   where the docket is (ERRAND_DOCKET_URL)
             [--docket-name <name>] which it is (ERRAND_DOCKET_NAME)
             [--server <file>]      take both from a server file`;

/** How each command is used: its lines in the help, in the order of that. */
export const usages = {
  run: `  errand run <file>                 serve the file's server over stdio
  errand run <file> --http <port>   serve it over Streamable HTTP (0 = a free port)
             [--host <address>]     bind to another address than 127.0.0.1
             [--allow-host <name>]  answer requests for this name as well; once for each name
             [--stateless]          keep no sessions, so that any process can serve any request
             [--monitor-port <port>]     tell /healthz, /livez and /metrics on a port of their own, over stdio too
             [--monitor-host <address>]  bind that port to another address than 127.0.0.1`,
  worker: `  errand worker <file>              work the docket of the file's server, which serves no clients here
             [--concurrency <n>]    make so many calls at once
             [--docket-url <url>]   the Redis of the docket, whatever file and environment say
             [--name <name>]        what logs and metrics call it; default: the machine and the process
             [--port <port>]        of /healthz, /livez and /metrics; default: 9464, or a free one where that is taken
             [--host <address>]     bind that port to another address than 127.0.0.1`,
  tasks: `  errand tasks ls                   list the executions of a docket, the newest first
             [--state <state>] [--component <name>] [--limit <number>]
  errand tasks dead                 list those that failed, with their errors
             [--component <name>] [--limit <number>]
  errand tasks show <key>           show one, with its questions and what came of it
             [--input]              and what it was given
  errand tasks watch [key]          print what happens: to one until it ends, or to all
  errand tasks cancel <key>         cancel one, running or not
             [--reason <text>]      and say why
  errand tasks retry <key>          run one that failed again
${docket}
             [--json]               print a line of JSON for each; not for cancel and retry`,
  workers: `  errand workers                    list the workers of a docket that are alive
${docket}
             [--json]               print a line of JSON for each`,
} as const;
