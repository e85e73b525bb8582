/** Whether a server can do its work now. */
export interface ServerHealth {
  /**
   * `ok`: its docket takes executions, and its workers can claim them; `starting`: nobody was served yet; `unhealthy`: the
   * docket cannot be reached, and the server recovers by itself once it can; `draining`: it closes.
   */
  readonly status: 'ok' | 'starting' | 'unhealthy' | 'draining';
  /** Why it is not `ok`, as a sentence without secrets. */
  readonly reason?: string;
  /** How long the docket took to answer, in milliseconds. */
  readonly latency?: number;
}

/** The status code that tells a load balancer or an orchestrator the same. */
export function statusCodeOf({ status }: ServerHealth): 200 | 503 {
  return status === 'ok' ? 200 : 503;
}
