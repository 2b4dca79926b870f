import { describe, expect, test } from 'vitest';
import { TRIXIE } from './trixie.ts';
import { allPassed, useImages } from './use-images.ts';

const images = useImages();
/** Without KVM a boot takes two or three minutes on two processors that have nothing else to do. */
const TIMEOUT = 60 * 60_000;
const LIMIT = ['--limit', '1500'];

describe('the disk, booted by QEMU', () => {
  test(
    'its kernel directly, with a config drive: all of the flow, the ephemeral disk and the root that grows',
    async () => {
      const options = [...LIMIT, '--firmware', 'direct', '--source', 'config-drive'];
      const { ended, checks } = await images().boot(images().file('raw'), options, TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({ code: 0, checks: allPassed() });
    },
    TIMEOUT + 10_000,
  );

  test(
    'by BIOS, with the metadata service: all of the flow',
    async () => {
      const options = [...LIMIT, '--firmware', 'bios', '--source', 'metadata'];
      const { ended, checks } = await images().boot(images().file('raw'), options, TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({ code: 0, checks: allPassed() });
    },
    TIMEOUT + 10_000,
  );
});

describe('the disk of Debian 13, booted by QEMU', () => {
  const trixie = useImages(TRIXIE);

  test(
    'by UEFI, with the metadata service: all of the flow',
    async () => {
      const options = [...LIMIT, '--firmware', 'uefi', '--source', 'metadata'];
      const { ended, checks } = await trixie().boot(trixie().file('raw'), options, TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({ code: 0, checks: allPassed() });
    },
    TIMEOUT + 10_000,
  );
});
