import { defineConfig } from 'vitest/config';

/** How long a state may be waited for that no test says a time of: vitest's own second is short for a busy machine. */
const expectation = { poll: { timeout: 15_000 } };

/** `unit` runs beside the code on any machine; `lab` needs root and namespaces; `ui` needs a browser or Electron. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'app/**/*.test.ts',
            'gateway/**/*.test.ts',
            'native/**/*.test.ts',
            'test/**/*.unit.test.ts',
          ],
          exclude: ['**/node_modules/**', 'native/target/**'],
          // Many start programs of their own; on a busy machine that alone takes seconds.
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect: expectation,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.lab.test.ts', 'test/scenarios/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: expectation,
          // A file mostly waits for its timers, so two fit; each has namespaces of its own.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'ui',
          include: ['test/ui/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: expectation,
          // As above; each file has hosts or a gateway of its own, and its own browser.
          maxWorkers: 2,
        },
      },
    ],
  },
});
