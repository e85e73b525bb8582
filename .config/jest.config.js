import { availableParallelism } from 'node:os';

/** Real decorators and decorator metadata by swc, native ESM. */
export default {
  rootDir: '..',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globalSetup: '<rootDir>/.config/jest-setup.js',
  globalTeardown: '<rootDir>/.config/jest-teardown.js',
  testEnvironment: 'node',
  // One more than there are cores: many tests wait for a lease, a process or Redis.
  maxWorkers: availableParallelism() + 1,
  // A connection that is ended keeps its process for 100 ms, and a busy machine takes its time: half a second is too little.
  workerGracefulExitTimeout: 5_000,
  testSequencer: '<rootDir>/.config/jest-sequencer.js',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
        },
      },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.cache/'],
  // Some wait for a process to start for half of it.
  testTimeout: 60_000,
};
