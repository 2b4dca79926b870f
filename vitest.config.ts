import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two processes: most tests wait for the programs they start.
    maxWorkers: 2,
    reporters: ['default', './scripts/lib/summary-reporter.ts'],
  },
});
