import { requirements } from '../e2e/requirements.js';
import { reference } from '../e2e/reference.js';
import { foundFaults } from '../faults/found-faults.js';
import { citedIn, readTitles } from './test-titles.js';

/** Ends with 1 where an id has no test whose title cites it, or a title cites an id that nobody knows. */
const cited = new Set((await readTitles()).flatMap(({ titles }) => titles.flatMap(citedIn)));
const faults = foundFaults.map(({ id }) => id);
const tested = reference.filter(({ proof }) => proof === 'test').map(({ number }) => `F${number}`);
const required = [...requirements.map(({ id }) => id), ...tested, ...faults];
const known = new Set([...required, ...reference.map(({ number }) => `F${number}`)]);

const complaints = [
  ...required.filter((id) => !cited.has(id)).map((id) => `${id} has no test that cites it in its title.`),
  ...[...cited].filter((id) => !known.has(id)).map((id) => `${id} is cited by a test and defined nowhere.`),
  ...faults.filter((id, index) => faults.indexOf(id) !== index).map((id) => `${id} is defined twice.`),
];
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;
