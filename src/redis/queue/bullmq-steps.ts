import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { BullMqFunction, BullMqSteps } from '../lua/lua-step.js';

/** The files of these scripts. The number of their keys is part of the name. */
const files: BullMqSteps = { addJob: 'addStandardJob-9', takeJob: 'moveToActive-11', finishJob: 'moveToFinished-14' };

/**
 * The tested scripts: the version with which one of them changed, and the first digits of the SHA-256 hash of each. The
 * scripts are private to BullMQ, so no version number promises what they do; the hash does.
 */
const tested: readonly (BullMqSteps & { readonly since: string })[] = [
  { since: '6.0.0', addJob: '12924d503d70', takeJob: 'fb58a7dca5ae', finishJob: '71330ef7758a' },
  { since: '6.2.2', addJob: '12924d503d70', takeJob: '7d35069db0b8', finishJob: '226600d3ccc5' },
  { since: '6.3.5', addJob: '12924d503d70', takeJob: '7d35069db0b8', finishJob: '8e744ec5d65d' },
  { since: '6.3.7', addJob: '8014a83abeda', takeJob: '7d35069db0b8', finishJob: '8e744ec5d65d' },
  { since: '6.4.0', addJob: '6f61f23b5d27', takeJob: '7d35069db0b8', finishJob: '8e744ec5d65d' },
  { since: '6.5.1', addJob: '1b3ad2b460f5', takeJob: '7d35069db0b8', finishJob: '8e744ec5d65d' },
  { since: '6.7.0', addJob: '2eee45c9ffc5', takeJob: '7d35069db0b8', finishJob: '8e744ec5d65d' },
];

const functions = Object.keys(files) as BullMqFunction[];

/**
 * The scripts of the installed BullMQ. Undefined if they are not among the tested ones: then jobs are added, taken and
 * acknowledged through BullMQ's public interface, which takes more round trips.
 */
export function bullMqSteps(): BullMqSteps | undefined {
  const require = createRequire(import.meta.url);
  try {
    const scripts = functions.map((name): [BullMqFunction, string] => {
      const module: unknown = require(`bullmq/dist/cjs/scripts/${files[name]}.js`);
      const [script] = Object.values(z.record(z.string(), z.object({ content: z.string() })).parse(module));
      return [name, script?.content ?? ''];
    });
    const found = Object.fromEntries(scripts) as BullMqSteps;
    return tested.some((known) => functions.every((name) => hashOf(found[name]) === known[name])) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Why the installed BullMQ is used through its public interface, for the log. */
export function untestedBullMq(): string {
  const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)('bullmq/package.json'));
  const newest = tested.at(-1)?.since;
  return `BullMQ ${version} is not among the versions tested with this release, so only its public interface is used: everything works, with about half the tasks per second. For full speed, install bullmq@${newest}, or a newer release of errand.`;
}

const hashOf = (script: string): string => createHash('sha256').update(script).digest('hex').slice(0, 12);
