import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { TRIXIE } from './trixie.ts';
import { allPassed, useImages } from './use-images.ts';

const images = useImages(TRIXIE);
const TIMEOUT = 300_000;

describe('the root directory of Debian 13', () => {
  const cat = async (path: string): Promise<string> =>
    (await run(['tar', '-xOf', images().file('root.tar'), `.${path}`])).stdout;

  test('has its package source as a stanza with the keys of the distribution', async () => {
    const stanza = /^Types: deb\nURIs: \S+\nSuites: trixie\nComponents: main\nSigned-By: (\S+)\n$/;
    const sources = await cat('/etc/apt/sources.list.d/debian.sources');
    expect(sources).toMatch(stanza);
    expect((await cat(stanza.exec(sources)?.[1] ?? '')).length).toBeGreaterThan(1000);
    expect(await cat('/etc/apt/sources.list')).toBe('');
  });

  test('has the network brought up by netplan and systemd-networkd, and resolved for names', async () => {
    const { stdout } = await run(['tar', '-tvf', images().file('root.tar')]);
    expect(stdout).toMatch(/ \.\/usr\/sbin\/netplan( |$)/m);
    expect(stdout).toMatch(/ \.\/etc\/systemd\/system\/multi-user\.target\.wants\/systemd-networkd\.service ->/);
    expect(stdout).toMatch(/ \.\/etc\/resolv\.conf -> \.\.\/run\/systemd\/resolve\/stub-resolv\.conf$/m);
    expect(stdout).not.toMatch(/ \.\/usr\/sbin\/(ifup|dhclient)$/m);
  });

  test(
    'booted in a container, with its config drive: from the user data of heat to the signal, and from an update of the stack to the hook',
    async () => {
      const options = ['--nspawn', '--source', 'config-drive'];
      const { ended, checks } = await images().boot(images().file('root.tar'), options, TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({
        code: 0,
        checks: allPassed(['ephemeral disk mounted', 'root has grown']),
      });
    },
    TIMEOUT + 10_000,
  );
});

/** The script by which cloud-init's generator decides whether there is anything to do at this boot, and for which data sources. */
describe('ds-identify of cloud-init 25.1.4, with the settings of the image', () => {
  let root = '';

  beforeAll(async () => {
    root = join(images().directory, 'identify');
    mkdirSync(root);
    const unpack = 'tar -C "$1" -xf "$0" ./usr/lib/cloud-init/ds-identify ./etc/cloud; mkdir "$1/usr/libexec"';
    const { code, stderr } = await run(['bash', '-ec', unpack, images().file('root.tar'), root]);
    if (code !== 0) throw new Error(stderr);
    return () => rmSync(root, { recursive: true });
  });

  /** @returns the exit code, which is 1 when cloud-init is not to run, and the list of sources that it is told */
  async function identify(
    machine: string,
    label: string,
    product = '',
  ): Promise<{ code: number | null; list: string }> {
    rmSync(join(root, 'run'), { recursive: true, force: true });
    rmSync(join(root, 'sys'), { recursive: true, force: true });
    if (product !== '') {
      mkdirSync(join(root, 'sys/class/dmi/id'), { recursive: true });
      writeFileSync(join(root, 'sys/class/dmi/id/product_name'), `${product}\n`);
    }
    // A file of the script's own by which it can be told what it would otherwise ask uname and blkid.
    writeFileSync(
      join(root, 'usr/libexec/ds-identify-env'),
      `DI_UNAME_CMD_OUT=x DI_UNAME_KERNEL_NAME=Linux DI_UNAME_MACHINE=${machine}
      DI_BLKID_EXPORT_OUT='DEVNAME=/dev/sr0\nLABEL=${label}\nTYPE=iso9660'`,
    );
    const { code } = await run(['sh', join(root, 'usr/lib/cloud-init/ds-identify'), '--force'], {
      env: { PATH: '/usr/bin:/bin', PATH_ROOT: root },
    });
    const told = readFileSync(join(root, 'run/cloud-init/cloud.cfg'), 'utf8');
    return { code, list: /^datasource_list: \[ (.*) \]$/m.exec(told)?.[1] ?? '' };
  }

  test.each([
    { machine: 'aarch64', label: 'data', product: '', code: 0, list: 'OpenStack, None' },
    { machine: 'aarch64', label: 'config-2', product: '', code: 0, list: 'ConfigDrive, None' },
    { machine: 'aarch64', label: 'data', product: 'OpenStack Nova', code: 0, list: 'OpenStack, None' },
    { machine: 'x86_64', label: 'data', product: 'OpenStack Nova', code: 0, list: 'OpenStack, None' },
    { machine: 'x86_64', label: 'data', product: '', code: 1, list: '' },
  ])(
    'on $machine with a drive "$label" and DMI "$product": [$list]',
    async ({ machine, label, product, code, list }) => {
      expect(await identify(machine, label, product)).toEqual({ code, list });
    },
  );

  test('without its own file of settings would turn cloud-init off on an arm64 machine without DMI', async () => {
    rmSync(join(root, 'etc/cloud/ds-identify.cfg'), { force: true });
    expect(await identify('aarch64', 'data')).toEqual({ code: 1, list: '' });
  });
});
