import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { VERSION } from '../../src/version.ts';
import { project } from '../support/binary.ts';
import { type Packages, packagesFor } from '../support/packages.ts';
import type { RunOptions } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';

const isPossible = process.geteuid?.() === 0;
// rpm works on the whole view, with a database of its own: so the scripts of packages run, and find a shell and systemctl.
const view = useSandbox({}, ['rpm', 'rpmbuild', 'rpmlint']);
const ANSWER = `cfntools ${VERSION}`;
const STATE = ['/var/lib/heat-cfntools', '/var/cache/heat-cfntools', '/var/lib/cfn-hup'];
const COPY = '/var/lib/cloud/data/cfn-init-data';
const names = commands.map(({ name }) => name);

let packages: Packages;

/** Debian's rpm wants to be told that it is meant. */
const rpm = (args: string, options: RunOptions = {}) =>
  view().run(`rpm --dbpath /run/rpm --force-debian ${args}`, { timeout: 120_000, ...options });
const must = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await view().run(`set -e\n${script}`);
  if (code !== 0) throw new Error(`exit code ${code}: ${script}\n${stdout}${stderr}`);
  return stdout.trim();
};
const query = async (args: string): Promise<string[]> => (await rpm(`-q ${args}`)).stdout.trim().split('\n');

/** Makes an empty package of which only the header matters. @returns its path */
async function makeDummy(name: string, version: string, header: readonly string[], files = ''): Promise<string> {
  const spec = [
    `Name: ${name}`,
    `Version: ${version}`,
    'Release: 1',
    'Summary: A dummy',
    'License: Apache-2.0',
    'AutoReqProv: no',
    'BuildArch: noarch',
    ...header,
    '%description\nA dummy.',
    `%install\nfor file in ${files}; do install -D /etc/os-release "%{buildroot}$file"; done`,
    `%files\n${files.replaceAll(' ', '\n')}`,
  ].join('\n');
  await must(`cat >/run/${name}.spec <<'END'\n${spec}\nEND\n
    rpmbuild -bb --quiet --define '_topdir /run/rpmbuild' --define '__os_install_post %{nil}' /run/${name}.spec 2>&1`);
  return `/run/rpmbuild/RPMS/noarch/${name}-${version}-1.noarch.rpm`;
}

beforeAll(async () => {
  if (!isPossible) return;
  packages = await packagesFor('x64');
  // Of what this machine has of cfn commands, and of its dpkg, rpm knows nothing.
  await must(
    `rm -rf ${STATE.join(' ')} /opt/aws /etc/cfn /usr/bin/cfn-* /usr/bin/cfntools; mkdir -p /var/lib/cloud/data`,
  );
  const system = await makeDummy('base-system', '1', [
    'Provides: glibc = 2.28, libgcc = 8.5.0, libstdc++ = 8.5.0, util-linux = 2.32, /bin/sh',
  ]);
  const { code, stderr } = await rpm(`-i ${system}`);
  if (code !== 0) throw new Error(stderr);
});

describe('the rpm', () => {
  test('takes the place of heat-cfntools, which goes with all its files', async () => {
    const older = await makeDummy('heat-cfntools', '1.4.2', [], '/usr/bin/cfn-init /usr/bin/cfn-only-there');
    expect(await rpm(`-i ${older}`)).toMatchObject({ code: 0 });
    await must(`
      mkdir -p -m 755 ${STATE.join(' ')}
      echo '{"a": 1}' | tee /var/lib/heat-cfntools/cfn-init-data >${COPY}
      chmod 644 ${COPY}`);
    const { code, stderr } = await rpm(`-U ${packages.rpm}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await query('-a --queryformat "%{NAME}\\n"')).toEqual(expect.not.arrayContaining(['heat-cfntools']));
    expect(view().exists('/usr/bin/cfn-only-there')).toBe(false);
    expect(await must('readlink /usr/bin/cfn-init; cat /var/lib/heat-cfntools/cfn-init-data')).toBe(
      'cfntools\n{"a": 1}',
    );
    expect(await must(`stat -c %a ${COPY}`)).toBe('600');
  });

  test('brings the commands, which run, with links in /opt/aws/bin', async () => {
    for (const name of names)
      expect([name, await must(`/opt/aws/bin/${name} --version; readlink /opt/aws/bin/${name}`)]).toEqual([
        name,
        `${ANSWER}\n/usr/bin/${name}`,
      ]);
  });

  test('brings the same files as the deb, but for what only dpkg reads', async () => {
    const tar = await must(`dpkg-deb --fsys-tarfile '${packages.deb}' | tar --list`);
    const inDeb = tar.split('\n').filter((path) => !path.endsWith('/'));
    const inRpm = await query("--queryformat '[%{FILEMODES:perms} .%{FILENAMES}\n]' cfntools");
    const files = inRpm
      .filter((line) => !line.startsWith('d'))
      // Debian has a place of its own for zsh's completions of packages.
      .map((line) => line.split(' ')[1]?.replace('zsh/site-functions', 'zsh/vendor-completions'));
    expect(files).toEqual(expect.arrayContaining(['./usr/bin/cfntools', './usr/share/man/man8/cfn-hup.8.gz']));
    expect(files.filter((path = '') => !inDeb.includes(path))).toEqual([]);
    expect(inDeb.filter((path) => !files.includes(path))).toEqual([
      './usr/share/doc/cfntools/changelog.gz',
      './usr/share/lintian/overrides/cfntools',
    ]);
  });

  test('keeps what holds metadata to root', async () => {
    expect(await must(`stat -c '%a %U:%G' ${STATE.join(' ')} | sort -u`)).toBe('700 root:root');
    const listed = await query("--queryformat '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\\n]' cfntools");
    expect(listed.filter((line) => line.startsWith('drwx------')).map((line) => line.split(' ')[2])).toEqual(
      expect.arrayContaining(STATE),
    );
    expect(new Set(listed.map((line) => line.split(' ').slice(0, 2).join(' ')))).toEqual(
      new Set(['-rwxr-xr-x root', '-rw-r--r-- root', 'lrwxrwxrwx root', 'drwxr-xr-x root', 'drwx------ root']),
    );
  });

  test('says what it provides, replaces and needs', async () => {
    expect(await query('--provides cfntools')).toContain('heat-cfntools = 2');
    expect(await query('--obsoletes cfntools')).toEqual(['heat-cfntools < 2']);
    expect(await query('--conflicts cfntools')).toEqual(['heat-cfntools']);
    expect(await query('--requires cfntools')).toEqual(expect.arrayContaining(['glibc >= 2.28', 'libstdc++ >= 5']));
    const { homepage, repository } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
    expect(await query("--queryformat '%{URL} %{VCS} %{LICENSE}' cfntools")).toEqual([
      `${homepage} ${repository.replace(/^git\+/, 'git:')} Apache-2.0 AND BSD-2-Clause AND BSD-3-Clause AND ISC AND MIT AND Unicode-3.0 AND Zlib`,
    ]);
    expect(await query('--configfiles cfntools')).toEqual(['/etc/default/cfn-hup', '/etc/logrotate.d/cfntools']);
    expect(await query(`--queryformat '%{ARCH} %{VERSION} %{BUILDHOST}' -p ${packages.rpm}`)).toEqual([
      `x86_64 ${VERSION} localhost`,
    ]);
    const needy = await makeDummy('needy', '1', ['Requires: heat-cfntools >= 1.4']);
    expect(await rpm(`-i ${needy}`)).toMatchObject({ code: 0 });
    expect(await rpm('-e needy')).toMatchObject({ code: 0 });
  });

  test('is what rpm thinks it is, and says when it is not', async () => {
    expect(await rpm('-V cfntools')).toMatchObject({ code: 0, stdout: '' });
    await must('chmod 755 /var/lib/cfn-hup');
    expect((await rpm('-V cfntools')).stdout).toMatch(/^\.M\.+ +\/var\/lib\/cfn-hup\n$/);
    await must('chmod 700 /var/lib/cfn-hup');
  });

  test('closes the copy of the metadata that cloud-init will write', async () => {
    expect(await must(`umask 022; rm -f ${COPY}; echo '{}' >${COPY}; stat -c %a ${COPY}`)).toBe('600');
  });

  test('enables nothing, but what a preset of the image asks for', async () => {
    expect(await must('find /etc/systemd -name "cfn-*"')).toBe('');
    const preset = '/etc/systemd/system-preset/10-image.preset';
    await must(`mkdir -p ${preset.slice(0, -16)}; echo 'enable cfn-hup.timer' >${preset}`);
    expect(await rpm('-e cfntools')).toMatchObject({ code: 0 });
    expect(await rpm(`-i ${packages.rpm}`)).toMatchObject({ code: 0 });
    expect(await must('cd /etc/systemd/system; ls *.wants/cfn-*')).toBe('timers.target.wants/cfn-hup.timer');
    await must(`rm ${preset}; systemctl --root=/ disable cfn-hup.timer 2>&1`);
  });

  test('installed again: what an administrator has written stays, what is broken is mended', async () => {
    await must('echo "#mine" >>/etc/default/cfn-hup; rm /usr/bin/cfn-signal');
    expect(await rpm(`-U --force ${packages.rpm}`)).toMatchObject({ code: 0 });
    expect(await must('tail -n 1 /etc/default/cfn-hup; cfn-signal --version')).toBe(`#mine\n${ANSWER}`);
    expect((await query('cfntools')).length).toBe(1);
  });

  test('erased: commands and units go, metadata, logs and configuration stay', async () => {
    await must(
      'echo line >/var/log/cfn-init.log; echo "[main]" >/etc/cfn/cfn-hup.conf; systemctl --root=/ enable cfn-hup',
    );
    const { code } = await rpm('-e cfntools');
    expect(code).toBe(0);
    expect(await must('find /etc/systemd -name "cfn-*"')).toBe('');
    const gone = ['/usr/bin/cfntools', '/usr/bin/cfn-init', '/opt/aws', '/usr/lib/systemd/system/cfn-hup.service'];
    expect(await must(`ls -d ${[...gone, '/var/lib/cfn-hup'].join(' ')} 2>/dev/null || true`)).toBe('');
    expect(await must('cat /var/lib/heat-cfntools/cfn-init-data /var/log/cfn-init.log /etc/cfn/cfn-hup.conf')).toBe(
      '{"a": 1}\nline\n[main]',
    );
    expect(await must('tail -n 1 /etc/default/cfn-hup.rpmsave')).toBe('#mine');
  });

  test('rpmlint finds nothing in it', async () => {
    const words = ['rpmlint', '--config', join(project, 'packaging/rpm/rpmlint.toml'), packages.rpm];
    const { code, stdout, stderr } = await view().run(words, { timeout: 170_000 });
    expect(stdout + stderr).toMatch(/ 0 errors, 0 warnings/);
    expect(code).toBe(0);
  });
});
