import type { SpanOptions, Tracing } from '../../telemetry/tracing.js';
import type { NewExecution } from './engine.js';
import type { ExecutionRecord } from './record.js';

/** The attributes of the semantic conventions for messaging, with the component as the destination. */
function messaging(operation: 'send' | 'process', component: string, key: string): SpanOptions['attributes'] {
  return {
    'messaging.system': 'errand',
    'messaging.operation.type': operation,
    'messaging.operation.name': operation,
    'messaging.destination.name': component,
    'messaging.message.id': key,
  };
}

/** Adds an execution in a span of its own, whose trace its runs continue. */
export function inSendingSpan<T>(
  tracing: Tracing,
  execution: NewExecution,
  add: (traced: NewExecution) => Promise<T>,
): Promise<T> {
  const { component, key } = execution;
  return tracing.span(
    () => ({ name: `send ${component}`, kind: 'producer', attributes: messaging('send', component, key) }),
    ({ context }) => add(context === undefined ? execution : { ...execution, trace: context }),
  );
}

/** The span of one run, which continues the trace that added its execution. */
export function processing(record: ExecutionRecord, worker: string): SpanOptions {
  const { component, key, attempt, redelivered, trace } = record;
  return {
    name: `process ${component}`,
    kind: 'consumer',
    parent: trace,
    attributes: {
      ...messaging('process', component, key),
      'errand.attempt': attempt,
      'errand.redelivered': redelivered,
      'errand.worker': worker,
    },
  };
}
