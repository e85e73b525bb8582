import base from './jest.config.js';

/** The packed package under the test runners that people use, some of which the fixture installs. */
export default {
  ...base,
  globalSetup: undefined,
  globalTeardown: undefined,
  testMatch: ['<rootDir>/test/package/runners.installed.ts'],
};
