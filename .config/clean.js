import { rmSync } from 'node:fs';

/** What was built of files that are no more must not be published. */
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
