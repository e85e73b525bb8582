import { createServer, type ComponentEntry } from '../../../src/index.js';
import { refusalOf } from '../../helpers/thrown.js';

/** The error of `createServer` for these components; its code is `NOTHING` when they are accepted. */
export function refused(...components: unknown[]): { code: string; message: string } {
  return refusalOf(() => createServer({ name: 'test', version: '1', components: components as ComponentEntry[] }));
}
