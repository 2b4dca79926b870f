import { configDefaults, defineConfig } from 'vitest/config';

const heat = 'test/heat/**/*.test.ts';
/** These make packages and install them: after the others, since that keeps all processors busy. */
const packaging = 'test/packaging/{arm64,deb,packages,rpm,sbom,units}.test.ts';
/** These build and boot images, which takes longer still: `./scripts/test image`. */
const image = 'test/image/**/*.test.ts';
/** These bring up a whole OpenStack: `./scripts/test openstack`, and with CI=true always. */
const openstack = 'test/openstack/**/*.test.ts';
const isOpenstackWanted =
  process.env['CI'] === 'true' || process.argv.slice(2).some((argument) => argument.includes('openstack'));
const isImageWanted = process.argv.slice(2).some((argument) => argument.includes('image'));

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
      // Each package is made when the first test wants it.
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
      // After all others, one boot at a time: an emulated processor needs the real ones for itself.
      ...(isImageWanted
        ? [
            {
              extends: true as const,
              test: {
                name: 'image',
                include: [image],
                globalSetup: ['test/heat/rig.ts', 'test/image/images.ts'],
                fileParallelism: false,
                maxWorkers: 1,
                sequence: { groupOrder: 2 },
              },
            },
          ]
        : []),
      // It keeps all processors busy, too.
      ...(isOpenstackWanted
        ? [
            {
              extends: true as const,
              test: {
                name: 'openstack',
                include: [openstack],
                globalSetup: ['test/openstack/rig.ts', 'test/image/images.ts'],
                fileParallelism: false,
                maxWorkers: 1,
                sequence: { groupOrder: 3 },
              },
            },
          ]
        : []),
      // They share one heat, which is started only when one of them is run.
      {
        extends: true,
        test: { name: 'heat', include: [heat], globalSetup: 'test/heat/rig.ts', testTimeout: 180_000 },
      },
    ],
  },
});
