import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { instruments } from '../../src/telemetry/instruments.js';
import { prometheusName } from '../../src/server/telemetry/prometheus.js';
import { root } from '../helpers/child.js';

it('the README lists every metric by its name, its kind and its meaning', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const section = readme.split('\n### Metrics\n')[1]?.split(/\n##/)[0] ?? '';
  const listed = [...section.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
  expect(listed).toEqual(Object.values(instruments).map((each) => [prometheusName(each), each.kind, each.description]));
});
