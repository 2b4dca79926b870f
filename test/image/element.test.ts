import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { type Ended, run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';
import { isInstalled, isRoot } from '../support/use-machine.ts';
import { allPassed, ensureGuest, useImages } from './use-images.ts';

const element = join(project, 'image-build/elements/cfntools');
const place = join(inject('images'), 'element');
const BUILD_TIMEOUT = 30 * 60_000;
const BOOT_TIMEOUT = 300_000;
const tar = join(place, 'dib.tar');

beforeAll(() => mkdirSync(place, { recursive: true }));

/** Runs the part of the element that picks a package on the building machine, with sudo left out. */
async function pick(env: Record<string, string>): Promise<Ended & { readonly picked: string }> {
  const hooks = join(place, `hooks-${performance.now()}`);
  const script = 'sudo() { "$@"; }; export -f sudo; mkdir -p "$TMP_HOOKS_PATH"; exec bash "$0"';
  const ended = await run(['bash', '-c', script, join(element, 'extra-data.d/50-cfntools')], {
    env: { PATH: process.env['PATH'] ?? '', TMP_HOOKS_PATH: hooks, ...env },
  });
  const { stdout } = await run(['ls', join(hooks, 'cfntools')]);
  return { ...ended, picked: stdout.trim() };
}

test('the element asks cloud-init for the same policy as jeos', () => {
  const policyIn = (path: string): string | undefined =>
    /policy: search,[\w,=]+/.exec(readFileSync(join(project, 'image-build', path), 'utf8'))?.[0];
  expect(policyIn('lib/ds-identify.cfg')).toBeDefined();
  expect(policyIn('elements/cfntools/post-install.d/90-cfntools')).toBe(policyIn('lib/ds-identify.cfg'));
});

describe('the package that the element takes', () => {
  const packages = (): string => {
    const directory = join(place, 'packages');
    mkdirSync(directory, { recursive: true });
    for (const name of [
      'cfntools_0.1.0_amd64.deb',
      'cfntools_0.1.0_arm64.deb',
      'cfntools-0.1.0-1.x86_64.rpm',
      'cfntools-0.1.0-1.aarch64.rpm',
    ])
      writeFileSync(join(directory, name), '');
    return directory;
  };

  test.each([
    { DISTRO_NAME: 'debian', ARCH: 'amd64', picked: 'cfntools_0.1.0_amd64.deb' },
    { DISTRO_NAME: 'ubuntu', ARCH: 'arm64', picked: 'cfntools_0.1.0_arm64.deb' },
    { DISTRO_NAME: 'fedora', ARCH: 'amd64', picked: 'cfntools-0.1.0-1.x86_64.rpm' },
    { DISTRO_NAME: 'centos', ARCH: 'x86_64', picked: 'cfntools-0.1.0-1.x86_64.rpm' },
    { DISTRO_NAME: 'rocky', ARCH: 'arm64', picked: 'cfntools-0.1.0-1.aarch64.rpm' },
    { DISTRO_NAME: 'opensuse', ARCH: 'aarch64', picked: 'cfntools-0.1.0-1.aarch64.rpm' },
  ])('$DISTRO_NAME on $ARCH: $picked', async ({ picked, ...env }) => {
    const result = await pick({ ...env, DIB_CFNTOOLS_PACKAGE: packages() });
    expect({ code: result.code, picked: result.picked }).toEqual({ code: 0, picked });
  });

  test.each([
    { name: 'cfntools_0.1.0_amd64.deb', DISTRO_NAME: 'fedora', says: 'fedora takes a rpm' },
    { name: 'absent.deb', DISTRO_NAME: 'debian', says: 'no such file' },
  ])('$name for $DISTRO_NAME is refused', async ({ name, DISTRO_NAME, says }) => {
    const result = await pick({ DISTRO_NAME, ARCH: 'amd64', DIB_CFNTOOLS_PACKAGE: join(packages(), name) });
    expect({ code: result.code, picked: result.picked }).toEqual({ code: 1, picked: '' });
    expect(result.stderr).toContain(says);
  });
});

describe.skipIf(!isRoot || !isInstalled('disk-image-create'))('an image of diskimage-builder', () => {
  let listing = '';

  prepareMachine(async () => {
    const script = `
      . "$0/scripts/lib/setup.sh"; . "$0/image-build/lib/debian-root.sh"
      sources=$(sources_of_this_machine bookworm)
      export DIB_APT_SOURCES_CONF=$(awk '{ print "list" NR ":" $0 }' <<<"$sources") DIB_RELEASE=bookworm
      export DIB_DISTRIBUTION_MIRROR=$(awk 'NR == 1 { print $2 }' <<<"$sources") TMP_DIR=$1
      export ELEMENTS_PATH=$0/image-build/elements:$0/test/image/elements
      cd "$1"
      disk-image-create --image-cache "$1/cache" -t tar -o "$1/dib" debian-minimal openssh-server cfntools small-initramfs`;
    // In a mount namespace: what it mounts and may forget is seen by nobody else.
    const command = ['unshare', '--mount', '--propagation', 'private', 'bash', '-euc', script, project, place];
    // The agent's package.
    await ensureGuest(inject('images'));
    if (!existsSync(tar)) {
      const { code, stdout, stderr } = await run(command, { timeout: BUILD_TIMEOUT });
      if (code !== 0) throw new Error(`exit code ${code}: ${`${stdout}${stderr}`.slice(-3000)}`);
    }
    listing = (await run(['tar', '--numeric-owner', '-tvf', tar], { timeout: 300_000 })).stdout;
  }, 2 * BUILD_TIMEOUT);

  test.each([
    ['the agent', /^-rwxr-xr-x 0\/0 .* \.\/usr\/bin\/cfntools$/m],
    ['its commands', /\.\/usr\/bin\/cfn-init -> cfntools$/m],
    ['its links for templates', /\.\/opt\/aws\/bin\/cfn-signal -> \/usr\/bin\/cfn-signal$/m],
    ['what closes copies of metadata', /\.\/usr\/lib\/tmpfiles\.d\/cfntools\.conf$/m],
    ['metadata for root alone', /^drwx------ 0\/0 .* \.\/var\/lib\/heat-cfntools\/$/m],
    ['cloud-init', /\.\/usr\/bin\/cloud-init$/m],
    ['growpart', /\.\/usr\/bin\/growpart$/m],
  ])('has %s', (_, pattern) => {
    expect(listing).toMatch(pattern);
  });

  test('does not start cfn-hup unasked, and has no package of the build left in it', () => {
    expect(listing).not.toMatch(/\.wants\/cfn-hup/);
    expect(listing).not.toMatch(/in_target\.d|cfntools_[^/]*\.deb/);
  });

  test('looks for user data where Nova has it', async () => {
    const file = './etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg';
    expect((await run(['tar', '-xOf', tar, file])).stdout).toMatch(/\[ +ConfigDrive, OpenStack, Ec2, None \]/);
  });
});

describe.skipIf(!isRoot || !isInstalled('disk-image-create'))('the image of diskimage-builder, in a container', () => {
  const images = useImages();

  test(
    'from the user data of heat to the signal, and from an update of the stack to the hook',
    async () => {
      const { ended, checks } = await images().boot(tar, ['--nspawn'], BOOT_TIMEOUT);
      expect({ code: ended.code, checks }).toEqual({
        code: 0,
        checks: allPassed(['ephemeral disk mounted', 'root has grown']),
      });
    },
    BOOT_TIMEOUT + 10_000,
  );
});

describe('the element', () => {
  test.each(['extra-data.d/50-cfntools', 'install.d/50-cfntools', 'post-install.d/90-cfntools'])(
    '%s is an executable bash script without faults of grammar',
    async (file) => {
      const { code, stderr } = await run(['bash', '-c', 'test -x "$0" && bash -n "$0"', join(element, file)]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    },
  );

  test('explains each of its variables', () => {
    const readme = readFileSync(join(element, 'README.rst'), 'utf8');
    const used = readFileSync(join(element, 'environment.d/10-cfntools.bash'), 'utf8').match(/^export (\w+)/gm) ?? [];
    expect(used.map((line) => line.slice(7)).filter((name) => !readme.includes(`\n${name}\n`))).toEqual([]);
  });
});
