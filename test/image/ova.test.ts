import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';
import { BUILD_TIMEOUT, ensureGuest } from './use-images.ts';

const place = join(inject('images'), 'ova');
const TIMEOUT = 20 * 60_000;

const shell = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await run(['bash', '--norc', '-euc', script], { cwd: place, timeout: TIMEOUT });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr.slice(-2000)}`);
  return stdout;
};

prepareMachine(async () => {
  await ensureGuest(inject('images'));
  mkdirSync(place, { recursive: true });
  await shell('ln -f ../guest.{ova,raw} . && tar -xf guest.ova');
}, 2 * BUILD_TIMEOUT);

describe('the OVA', () => {
  test('has the descriptor first, then the sums, then the disk', async () => {
    expect((await shell('tar -tf guest.ova')).trimEnd().split('\n')).toEqual([
      'guest.ovf',
      'guest.mf',
      'guest-disk1.vmdk',
    ]);
  });

  test('has the sums of its files', async () => {
    const printed = await shell(`sed -E 's/^SHA256\\((.*)\\)= (.*)$/\\2  \\1/' guest.mf | sha256sum --check`);
    expect(printed).toBe('guest.ovf: OK\nguest-disk1.vmdk: OK\n');
  });

  test('has a well-formed descriptor', async () => {
    expect(await shell('xmllint --nonet --noout guest.ovf')).toBe('');
  });

  test('describes the disk that is in it', async () => {
    const attribute = (name: string): string =>
      new RegExp(`ovf:${name}="([^"]*)"`).exec(readFileSync(join(place, 'guest.ovf'), 'utf8'))?.[1] ?? '';
    const sizes = (await shell('stat -c %s guest-disk1.vmdk guest.raw')).trimEnd().split('\n');
    expect([attribute('href'), attribute('size'), attribute('capacity')]).toEqual(['guest-disk1.vmdk', ...sizes]);
  });

  test('has a stream-optimized disk with the same content as the raw one', async () => {
    expect(await shell('qemu-img info --output=json guest-disk1.vmdk')).toContain('"create-type": "streamOptimized"');
    expect(await shell('qemu-img compare -f vmdk -F raw guest-disk1.vmdk guest.raw')).toContain('Images are identical');
  });

  test('is understood by virt-v2v', async (context) => {
    if ((await run(['bash', '-c', 'command -v virt-v2v'])).code !== 0) return context.skip('needs virt-v2v');
    const printed = await shell('virt-v2v -i ova guest.ova --print-source 2>&1');
    expect(printed).toMatch(/source name: guest\n/);
    expect(printed).toMatch(/memory: 536870912 /);
    expect(printed).toMatch(/nr vCPUs: 1\n/);
    expect(printed).toMatch(/0 \[scsi\]/);
    expect(printed).toMatch(/"VM Network" \[vmxnet3\]/);
  });
});

describe('the disk of a VMDK', () => {
  const fill = (disk: string): Promise<string> =>
    shell(`/usr/bin/python3 '${project}/image-build/lib/fill-vmdk.py' some.raw ${disk}`);

  beforeAll(async () => {
    await shell(`truncate -s 32M some.raw
      dd if=guest.raw of=some.raw bs=64K skip=160 seek=7 count=20 conv=notrunc status=none
      qemu-img create -q -f vmdk -o subformat=streamOptimized,adapter_type=lsilogic,hwversion=10 drawn.vmdk 32M
      cp drawn.vmdk filled.vmdk`);
    await fill('filled.vmdk');
  });

  // qemu-img draws it by lot and writes it without leading zeros: one in sixteen is shorter than eight digits.
  test.each(['0', '63666e7', 'ffffffff'])('is the same, whatever the content id of qemu-img: %s', async (id) => {
    const drawn = readFileSync(join(place, 'drawn.vmdk'), 'latin1');
    const other = drawn.replace(/^CID=[0-9a-f]+\n([^\0]*)(\0*)/m, (all, rest: string) =>
      `CID=${id}\n${rest}`.padEnd(all.length, '\0'),
    );
    expect([other.length, other.includes(`\nCID=${id}\n`)]).toEqual([drawn.length, true]);
    writeFileSync(join(place, 'other.vmdk'), other, 'latin1');
    await fill('other.vmdk');
    expect(await shell('cmp other.vmdk filled.vmdk; qemu-img compare other.vmdk some.raw')).toContain('are identical');
  });
});

describe('what the descriptor says of Ubuntu', () => {
  test('its own kind of system', async () => {
    writeFileSync(
      join(place, 'print.sh'),
      `. "${project}/image-build/lib/ova.sh"; ovf_descriptor name disk.vmdk 1 2 ubuntu`,
    );
    expect(await shell('bash print.sh')).toContain('<OperatingSystemSection ovf:id="94" vmw:osType="ubuntu64Guest">');
  });
});
