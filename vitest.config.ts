import { configDefaults, defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

const heat = 'test/heat/**/*.test.ts';
/** These make packages and install them. */
const packaging = 'test/packaging/{arm64,deb,packages,rpm,sbom,suites,units}.test.ts';
/** These build and boot images. */
const image = 'test/image/**/*.test.ts';
/** This one compares times. */
const measured = 'test/image/measure-boot.test.ts';
/** These bring up a whole OpenStack, and boot images in it. */
const openstack = 'test/openstack/**/*.test.ts';

/** What follows `vitest run`. */
const parts = process.argv.slice(3);
/** What takes half an hour is run where it is asked for by name, and in each automatic run of all. */
const isWanted = (name: string): boolean =>
  parts.length === 0 ? process.env['CI'] === 'true' : parts.some((part) => part.includes(name));

/**
 * After all else, since an emulated processor needs a real one for itself. A test that fails is tried once more: on a busy
 * machine, a guest that boots may run into a limit of its own. The closing lines say so.
 */
const boots = (name: string, include: string, more: { exclude?: string[]; rig: string; place: Place }) =>
  isWanted(name.split(' ')[0] ?? name)
    ? [
        {
          extends: true as const,
          test: {
            name,
            include: [include],
            exclude: [...configDefaults.exclude, ...(more.exclude ?? [])],
            globalSetup: [more.rig, 'test/image/images.ts'],
            ...more.place,
          },
        },
      ]
    : [];

interface Place {
  readonly retry: number;
  readonly maxWorkers: number;
  readonly sequence: { readonly groupOrder: number };
}
/** Two at a time: a boot has phases, and a build of an image has most of them, that keep one processor busy only. */
const TOGETHER: Place = { retry: 1, maxWorkers: 2, sequence: { groupOrder: 2 } };
/** What repeats its boots by itself. */
const ALONE: Place = { retry: 0, maxWorkers: 1, sequence: { groupOrder: 3 } };

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // More than there may be processors: of the time of most tests, a fifth is work, and the rest is waiting.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
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
      ...boots('image', image, { exclude: [measured], rig: 'test/heat/rig.ts', place: TOGETHER }),
      ...boots('openstack', openstack, { rig: 'test/openstack/rig.ts', place: TOGETHER }),
      ...boots('image measured', measured, { rig: 'test/heat/rig.ts', place: ALONE }),
    ],
  },
});
