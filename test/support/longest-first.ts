import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, longest first, as the closing lines of a whole run tell them ("slow: "). Where a whole run has
 * nothing else left to do than one of them, it leaves a processor idle.
 */
export const LONGEST: readonly string[] = [
  'test/system/python.test.ts',
  'test/cli/secrets.test.ts',
  'test/system/corpus-oracle.test.ts',
  'test/cli/cfn-hup-idle.test.ts',
  'test/system/cfn-hup-kills.test.ts',
  'test/system/cfn-hup-daemon.test.ts',
  'test/cli/faults-downloads.test.ts',
  'test/cli/faults-metadata.test.ts',
  'test/packaging/packages.test.ts',
  'test/packaging/arm64.test.ts',
  'test/packaging/suites.test.ts',
  // The OpenStack comes up while the image is built, and is done before QEMU boots more guests.
  'test/image/jeos.test.ts',
  'test/openstack/seed-flow.test.ts',
  'test/image/customize-guestfs.test.ts',
  'test/image/element.test.ts',
  'test/image/heat-templates.test.ts',
  'test/image/qemu.test.ts',
];

/** Runs the groups of projects in their order, and within a group the longest files first, whatever their project. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted
      .map((file, at) => ({ file, at, group: file.project.config.sequence.groupOrder, place: placeOf(file.moduleId) }))
      .sort((one, other) => one.group - other.group || one.place - other.place || one.at - other.at)
      .map(({ file }) => file);
  }
}

function placeOf(path: string): number {
  const place = LONGEST.findIndex((name) => path.endsWith(`/${name}`));
  return place < 0 ? LONGEST.length : place;
}
