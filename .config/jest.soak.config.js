import base from './jest.config.js';

/** Tests that take longer than `npm test` may: real waits, a poisoned fleet. */
export default { ...base, testMatch: ['<rootDir>/test/**/*.soak.ts'], testTimeout: 600_000 };
