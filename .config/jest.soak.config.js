import base from './jest.config.js';

/** What takes longer than `npm test` may: real waits, long fuzzing, chaos. */
export default { ...base, testMatch: ['<rootDir>/test/**/*.soak.ts'], testTimeout: 600_000 };
