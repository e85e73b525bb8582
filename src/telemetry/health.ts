/** The state of a server, for load balancers and people. */
export interface ServerHealth {
  /**
   * - `ok`: its docket accepts executions, and its workers can take them.
   * - `starting`: it has not served anyone yet.
   * - `unhealthy`: the docket cannot be reached. The server recovers by itself once it can.
   * - `draining`: it is closing.
   */
  readonly status: 'ok' | 'starting' | 'unhealthy' | 'draining';
  /** Why the status is not `ok`, in a sentence without secrets. */
  readonly reason?: string;
  /** How long the docket took to respond, in milliseconds. */
  readonly latency?: number;
}

/** The HTTP status code for a load balancer or an orchestrator. */
export function statusCodeOf({ status }: ServerHealth): 200 | 503 {
  return status === 'ok' ? 200 : 503;
}
