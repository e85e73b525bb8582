import { ErrandError, type ErrandErrorCode } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import { shown } from '../../base/shown.js';
import type { ClientCapabilities } from '../../protocol/types.js';
import type { QuestionKind, QuestionParams } from '../channel.js';
import type { CallFrame } from '../frame.js';

/** The question to be asked. */
interface Asked {
  readonly kind: QuestionKind;
  readonly params: Json;
}

/** The groups of capabilities that questions need. */
type ClientNeed = 'form' | 'url' | 'sampling' | 'samplingTools' | 'samplingContext' | 'roots';

interface Need {
  readonly code: ErrandErrorCode;
  readonly doing: string;
  /** Returns the name of the missing capability. */
  readonly missing: (declared: ClientCapabilities) => string | undefined;
}

const toAskUser = 'has to ask its user';
const toSample = "needs the client's model";

const needs: Record<ClientNeed, Need> = {
  form: {
    code: 'CLIENT_CANNOT_ELICIT',
    doing: toAskUser,
    missing: ({ elicitation }) => {
      if (elicitation === undefined) return 'elicitation';
      // An empty object means forms (2025-11-25, client/elicitation); `{ url: {} }` alone means none.
      return elicitation.form !== undefined || Object.keys(elicitation).length === 0 ? undefined : 'elicitation.form';
    },
  },
  url: {
    code: 'CLIENT_CANNOT_ELICIT',
    doing: 'has to send its user to a URL',
    missing: ({ elicitation }) => (elicitation?.url === undefined ? 'elicitation.url' : undefined),
  },
  sampling: {
    code: 'CLIENT_CANNOT_SAMPLE',
    doing: toSample,
    missing: ({ sampling }) => (sampling === undefined ? 'sampling' : undefined),
  },
  samplingTools: {
    code: 'CLIENT_CANNOT_SAMPLE',
    doing: `${toSample} to use tools`,
    missing: ({ sampling }) => (sampling?.tools === undefined ? 'sampling.tools' : undefined),
  },
  samplingContext: {
    code: 'CLIENT_CANNOT_SAMPLE',
    doing: `${toSample} to see more context`,
    missing: ({ sampling }) => (sampling?.context === undefined ? 'sampling.context' : undefined),
  },
  roots: {
    code: 'CLIENT_HAS_NO_ROOTS',
    doing: "needs the client's roots",
    missing: ({ roots }) => (roots === undefined ? 'roots' : undefined),
  },
};

function needsOf({ kind, params }: Asked): readonly ClientNeed[] {
  const { mode, tools, toolChoice, includeContext = 'none' } = params as QuestionParams;
  switch (kind) {
    case 'elicitation':
      return [mode === 'url' ? 'url' : 'form'];
    case 'roots':
      return ['roots'];
    case 'sampling': {
      const found: ClientNeed[] = ['sampling'];
      if (tools !== undefined || toolChoice !== undefined) found.push('samplingTools');
      if (includeContext !== 'none') found.push('samplingContext');
      return found;
    }
  }
}

/** Whether a client with these capabilities may be asked this. */
export function mayBeAsked(declared: ClientCapabilities, asked: Asked): boolean {
  return needsOf(asked).every((need) => needs[need].missing(declared) === undefined);
}

/**
 * Refuses at once a question that the client did not declare support for. In the background the capabilities are those
 * declared when the task was created. A job has no client; its channel refuses every question.
 *
 * @throws {ErrandError} `CLIENT_CANNOT_ELICIT`, `CLIENT_CANNOT_SAMPLE`, `CLIENT_HAS_NO_ROOTS`
 */
export function requireOfClient({ client }: CallFrame, asked: Asked): void {
  if (client === undefined) return;
  for (const need of needsOf(asked)) {
    const { code, doing, missing } = needs[need];
    const capability = missing(client.capabilities);
    if (capability === undefined) continue;
    const name = client.info === undefined ? '' : ` '${shown(client.info.name)}'`;
    throw new ErrandError(
      code,
      `This call ${doing}, but the client${name} did not declare the capability '${capability}'.`,
      { exposed: true },
    );
  }
}
