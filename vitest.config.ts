import { configDefaults, defineConfig } from 'vitest/config';

const heat = 'test/heat/**/*.test.ts';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two processes: most tests wait for the programs they start.
    maxWorkers: 2,
    reporters: ['default', './scripts/lib/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'here', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, heat] },
      },
      // They share one heat, which is started only when one of them is run.
      {
        extends: true,
        test: { name: 'heat', include: [heat], globalSetup: 'test/heat/rig.ts', testTimeout: 180_000 },
      },
    ],
  },
});
