import { configDefaults, defineConfig } from 'vitest/config';

const heat = 'test/heat/**/*.test.ts';
/** These make packages and install them. */
const packaging = 'test/packaging/{arm64,deb,packages,rpm,sbom,suites,units}.test.ts';
/** These build and boot images. */
const image = 'test/image/**/*.test.ts';
/** These bring up a whole OpenStack, and boot images in it. */
const openstack = 'test/openstack/**/*.test.ts';

/** What follows `vitest run`. */
const parts = process.argv.slice(3);
/** What takes half an hour is run where it is asked for by name, and in each automatic run of all. */
const isWanted = (name: string): boolean =>
  parts.length === 0 ? process.env['CI'] === 'true' : parts.some((part) => part.includes(name));

/** One boot at a time, after all else: an emulated processor needs the real ones for itself. */
const boots = (name: string, include: string, rig: string, groupOrder: number) =>
  isWanted(name)
    ? [
        {
          extends: true as const,
          test: {
            name,
            include: [include],
            globalSetup: [rig, 'test/image/images.ts'],
            fileParallelism: false,
            maxWorkers: 1,
            sequence: { groupOrder },
          },
        },
      ]
    : [];

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
        test: {
          name: 'here',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, heat, image, openstack, packaging],
        },
      },
      // They share two heats, each of which is started when the first of them wants it.
      {
        extends: true,
        test: { name: 'heat', include: [heat], globalSetup: 'test/heat/rig.ts', testTimeout: 180_000 },
      },
      // After these, since making packages keeps all processors busy. Each is made when the first test wants it.
      {
        extends: true,
        test: {
          name: 'packaging',
          include: [packaging],
          globalSetup: 'test/support/packages-rig.ts',
          sequence: { groupOrder: 1 },
          maxWorkers: 4,
          testTimeout: 180_000,
          hookTimeout: 900_000,
        },
      },
      ...boots('image', image, 'test/heat/rig.ts', 2),
      ...boots('openstack', openstack, 'test/openstack/rig.ts', 3),
    ],
  },
});
