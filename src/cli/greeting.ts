import { printable } from './printing.js';

/** What `errand run` says to somebody who starts a server over stdio by hand, and would otherwise see nothing happen. */
export function greeting(server: string, file: string): string {
  const shownFile = printable(file);
  return `${printable(server)} serves MCP over stdio: it waits for a client's messages on stdin, one line of JSON each.
Try it in a browser:  npx @modelcontextprotocol/inspector npx errand run ${shownFile}
Serve it over HTTP:   npx errand run ${shownFile} --http 3000
Stop it:              Ctrl-C
`;
}
