import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { VERSION } from '../../src/version.ts';
import { project } from '../support/binary.ts';
import { type Packages, packagesFor } from '../support/packages.ts';
import { type DebianRoot, debianBase, openDebian } from '../support/packages-root.ts';
import { run } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';

const TOOLS = ['mmdebstrap', 'dpkg-deb', 'lintian'];
const view = useSandbox({}, TOOLS);
const ANSWER = `cfntools ${VERSION}`;
const names = commands.map(({ name }) => name);
/** Directories that hold metadata, which is root's alone. */
const STATE = ['/var/lib/heat-cfntools', '/var/cache/heat-cfntools', '/var/lib/cfn-hup'];
const UNITS = ['cfn-hup.service', 'cfn-hup-pass.service', 'cfn-hup.timer'];
const METADATA = '{"AWS::CloudFormation::Init": {"config": {"files": {"/etc/of-the-template": {"content": "text"}}}}}';
const LOG = '/var/log/cfn-init.log';
const canOpen = (): boolean => {
  try {
    return view() !== undefined;
  } catch {
    return false;
  }
};

let packages: Packages;
let base = '';
beforeAll(async () => {
  if (!canOpen()) return;
  [packages, base] = await Promise.all([packagesFor('x64'), debianBase()]);
});

let count = 0;
const open = (): Promise<DebianRoot> => openDebian(view(), base, `root-${++count}`);
const install = (debian: DebianRoot, options = ''): Promise<string> =>
  debian.must(`apt-get install -qq ${options} '${packages.deb}' 2>&1`);
const modeOf = (debian: DebianRoot, ...paths: string[]): Promise<string> =>
  debian.must(`stat -c '%a %U:%G' ${paths.join(' ')} | sort -u`);
const statusOf = async (debian: DebianRoot, name: string): Promise<string> =>
  (await debian.run(`dpkg-query -W -f='\${db:Status-Status}' ${name}`)).stdout;

describe('the deb, installed in a new Debian 12', () => {
  let debian: DebianRoot;
  beforeAll(async () => {
    if (!canOpen()) return;
    debian = await open();
    await install(debian);
  });

  test('brings the commands, which run', async () => {
    for (const name of names) {
      const program = name === 'cfn-create-aws-symlinks' ? '' : 'cfntools\n';
      expect(await debian.must(`readlink /usr/bin/${name} /opt/aws/bin/${name} || true`)).toBe(
        `${program}/usr/bin/${name}`,
      );
      expect(await debian.must(`/opt/aws/bin/${name} --version`)).toBe(ANSWER);
    }
  });

  test('has its links in /opt/aws/bin at a boot without the start of a binary', async () => {
    await debian.must('chmod a-x /usr/bin/cfntools');
    expect(await debian.run('cfn-create-aws-symlinks')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await debian.must('chmod a+x /usr/bin/cfntools');
  });

  test.each(['rm /opt/aws/bin/cfn-hup', 'rm -r /opt/aws', 'ln -sfn /nowhere /opt/aws/bin/cfn-hup'])(
    'makes its links again after %s',
    async (harm) => {
      const force = harm.startsWith('ln') ? '-f' : '';
      await debian.must(`${harm}; cfn-create-aws-symlinks ${force}`);
      expect(await debian.must('readlink /opt/aws/bin/cfn-hup; ls /opt/aws/bin | wc -l')).toBe(
        `/usr/bin/cfn-hup\n${names.length}`,
      );
    },
  );

  test('brings units, manual pages, completion and configuration', async () => {
    const files = (await debian.must('dpkg -L cfntools')).split('\n');
    expect(files).toEqual(
      expect.arrayContaining([
        ...UNITS.map((unit) => `/usr/lib/systemd/system/${unit}`),
        ...['cfn-init.1', 'cfn-signal.1', 'cfn-get-metadata.1', 'cfn-hup.8', 'cfn-hup.conf.5', 'cfn-metadata.5'].map(
          (page) => `/usr/share/man/man${page.slice(-1)}/${page}.gz`,
        ),
        ...names.map((name) => `/usr/share/bash-completion/completions/${name}`),
        '/usr/lib/tmpfiles.d/cfntools.conf',
        '/etc/logrotate.d/cfntools',
        '/etc/default/cfn-hup',
        '/etc/cfn/hooks.d',
        '/usr/share/doc/cfntools/copyright',
        '/usr/share/doc/cfntools/NOTICES.gz',
        '/usr/share/doc/cfntools/README.md.gz',
        '/usr/share/doc/cfntools/docs/guides/migration.md.gz',
        '/usr/share/doc/cfntools/examples/server.yaml',
      ]),
    );
    expect(await debian.must("dpkg-query -W -f='${Conffiles}' cfntools | awk '{print $1}'")).toBe(
      '/etc/default/cfn-hup\n/etc/logrotate.d/cfntools',
    );
  });

  test('brings examples that can be tried as they are, and says where it is from', async () => {
    const examples = '/usr/share/doc/cfntools/examples';
    expect(
      await debian.must(
        `mkdir /tmp/try; cfn-init --root /tmp/try ${examples}/hello.json; cat /tmp/try/srv/hello/index.html`,
      ),
    ).toMatch(/Hello/);
    const { homepage, repository } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
    const vcs = repository.replace(/^git\+/, '');
    expect((await run(['dpkg-deb', '--field', packages.deb, 'Homepage', 'Vcs-Git', 'Vcs-Browser'])).stdout).toBe(
      `Homepage: ${homepage}\nVcs-Git: ${vcs}\nVcs-Browser: ${vcs.replace(/\.git$/, '')}\n`,
    );
  });

  test('keeps what holds metadata to root, and all else readable and not writable', async () => {
    expect(await modeOf(debian, ...STATE)).toBe('700 root:root');
    expect(await modeOf(debian, '/etc/cfn', '/etc/cfn/hooks.d', '/usr/bin/cfntools', '/opt/aws/bin')).toBe(
      '755 root:root',
    );
    const listed = (await run(['dpkg-deb', '--contents', packages.deb])).stdout.trim().split('\n');
    const kinds = new Set(listed.map((line) => line.split(/\s+/).slice(0, 2).join(' ')));
    expect([...kinds].sort()).toEqual([
      '-rw-r--r-- root/root',
      '-rwxr-xr-x root/root',
      'drwx------ root/root',
      'drwxr-xr-x root/root',
      'lrwxrwxrwx root/root',
    ]);
    expect(listed.filter((line) => line.startsWith('-rwx')).map((line) => line.split(/\s+/).at(-1))).toEqual([
      './usr/bin/cfn-create-aws-symlinks',
      './usr/bin/cfntools',
    ]);
    expect(listed.filter((line) => line.startsWith('drwx---')).map((line) => line.split(/\s+/).at(-1))).toEqual(
      expect.arrayContaining(STATE.map((directory) => `.${directory}/`)),
    );
  });

  test('is what dpkg thinks it is, and systemd-tmpfiles agrees on the modes', async () => {
    const { code, stdout } = await debian.run('dpkg --verify cfntools');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    await debian.must(`chmod 755 ${STATE.join(' ')}; rmdir /var/lib/cfn-hup`);
    await debian.must('systemd-tmpfiles --create /usr/lib/tmpfiles.d/cfntools.conf');
    expect(await modeOf(debian, ...STATE)).toBe('700 root:root');
  });

  test('closes the copy of the metadata that cloud-init will write', async () => {
    await debian.must(`umask 022; echo '${METADATA}' >/var/lib/cloud/data/cfn-init-data`);
    expect(await modeOf(debian, '/var/lib/cloud/data/cfn-init-data')).toBe('600 root:root');
    expect(await modeOf(debian, '/var/lib/cloud/data')).toBe('755 root:root');
    await debian.must('rm /var/lib/cloud/data/cfn-init-data');
  });

  test('enables nothing, nor does the preset of a first boot', async () => {
    await debian.must('systemctl preset cfn-hup.service cfn-hup.timer');
    const states = await debian.must(`systemctl is-enabled ${UNITS.join(' ')} || true`);
    expect(states.split('\n')).toEqual(['disabled', 'static', 'disabled']);
  });

  test('rotates the logs, and keeps them to root', async () => {
    const { code, stderr } = await debian.run('logrotate -d /etc/logrotate.d/cfntools');
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/error/i);
    await debian.must(`(umask 077; echo line >${LOG}); logrotate --force /etc/logrotate.d/cfntools`);
    expect(await debian.must(`cat ${LOG}.1; stat -c '%a %s' ${LOG} ${LOG}.1`)).toBe('line\n600 0\n600 5');
  });

  test('satisfies who depends on heat-cfntools, also from a version on', async () => {
    await debian.must(`
      mkdir -p /tmp/needy/DEBIAN
      printf '%s\\n' 'Package: needy' 'Version: 1' 'Architecture: all' 'Maintainer: n <n@example.test>' \\
        'Depends: heat-cfntools (>= 1.4)' 'Description: a dummy' >/tmp/needy/DEBIAN/control
      dpkg-deb --build /tmp/needy /tmp/needy.deb >/dev/null
      apt-get install -qq /tmp/needy.deb 2>&1`);
    expect(await statusOf(debian, 'needy')).toBe('installed');
    expect(await statusOf(debian, 'cfntools')).toBe('installed');
    await debian.must('dpkg --purge needy');
  });

  test('installed again: what an administrator has written stays, what is broken is mended', async () => {
    await debian.must(
      'systemctl enable cfn-hup.service; echo "#mine" >>/etc/default/cfn-hup; rm /usr/bin/cfn-init /opt/aws/bin/cfn-signal',
    );
    await install(debian, '--reinstall');
    expect(await debian.must('tail -n 1 /etc/default/cfn-hup; cfn-init --version')).toBe(`#mine\n${ANSWER}`);
    expect(await debian.must('/opt/aws/bin/cfn-signal --version')).toBe(ANSWER);
    expect(await debian.must('systemctl is-enabled cfn-hup.service')).toBe('enabled');
  });

  test('followed by the next version: conffiles, state and what was disabled stay', async () => {
    await debian.must(`
      systemctl disable cfn-hup.service
      (umask 077; echo kept >/var/lib/cfn-hup/state)
      dpkg-deb -R '${packages.deb}' /tmp/next
      sed -i 's/^Version: .*/Version: 0.1.1/' /tmp/next/DEBIAN/control
      echo '# of the next version' >>/tmp/next/etc/default/cfn-hup
      dpkg-deb --root-owner-group -Znone --build /tmp/next /tmp/next.deb >/dev/null
      apt-get install -qq -o Dpkg::Options::=--force-confold /tmp/next.deb 2>&1
      rm -rf /tmp/next /tmp/next.deb`);
    expect(await debian.must("dpkg-query -W -f='${Version}' cfntools")).toBe('0.1.1');
    expect(await debian.must('tail -n 1 /etc/default/cfn-hup; cat /var/lib/cfn-hup/state')).toBe('#mine\nkept');
    expect(await debian.must('systemctl is-enabled cfn-hup.service cfn-hup.timer || true')).toBe('disabled\ndisabled');
    expect(await modeOf(debian, ...STATE)).toBe('700 root:root');
  });
});

describe('the deb over heat-cfntools 1.4.2-3', () => {
  test('replaces it wholly, and takes over what it knows', async () => {
    const debian = await open();
    await debian.must('apt-get install -qq /srv/heat-cfntools_*.deb 2>&1');
    expect(await debian.must("dpkg-query -W -f='${Version}' heat-cfntools")).toBe('1.4.2-3');
    const before = (await debian.must('dpkg -L heat-cfntools')).split('\n');
    // As heat's user data leaves a guest.
    await debian.must(`
      mkdir -p -m 755 /var/lib/heat-cfntools /var/cache/heat-cfntools /opt/aws/bin /etc/cfn /var/lib/cloud/data
      for name in cfn-init cfn-signal; do ln -s /usr/bin/$name /opt/aws/bin/$name; done
      echo '${METADATA}' | tee /var/lib/heat-cfntools/cfn-init-data /var/cache/heat-cfntools/last_metadata \\
        >/var/lib/cloud/data/cfn-init-data
      echo '[main]' >/etc/cfn/cfn-hup.conf`);
    const said = await install(debian);
    expect(said).not.toMatch(/warning|error/i);
    expect(await statusOf(debian, 'heat-cfntools')).not.toBe('installed');
    expect(await statusOf(debian, 'cfntools')).toBe('installed');
    const left = await debian.must(`
      while read -r path; do
        [ -d "$path" ] || [ ! -e "$path" ] && [ ! -L "$path" ] || dpkg -S "$path" 2>/dev/null | grep -q '^cfntools:' || echo "$path"
      done <<'END'\n${before.join('\n')}\nEND`);
    expect(left).toBe('');
    expect(before.length).toBeGreaterThan(10);
    expect(await debian.must('cfn-init --version; /opt/aws/bin/cfn-signal --version')).toBe(`${ANSWER}\n${ANSWER}`);
    const kept = '/var/lib/heat-cfntools/cfn-init-data /var/cache/heat-cfntools/last_metadata /etc/cfn/cfn-hup.conf';
    expect(await debian.must(`cat ${kept}`)).toBe(`${METADATA}\n${METADATA}\n[main]`);
    expect(await modeOf(debian, ...STATE)).toBe('700 root:root');
    expect(await modeOf(debian, '/var/lib/cloud/data/cfn-init-data')).toBe('600 root:root');
    // The guest goes on from the metadata that it had.
    await debian.must('cfn-init');
    expect(await debian.must('cat /etc/of-the-template')).toBe('text');
  });
});

describe('the deb, taken away', () => {
  let debian: DebianRoot;
  const exists = (path: string): Promise<string> => debian.must(`[ -e '${path}' ] && echo yes || echo no`);
  beforeAll(async () => {
    if (!canOpen()) return;
    debian = await open();
    await install(debian);
    await debian.must(`
      umask 077
      for directory in ${STATE.join(' ')}; do echo data >$directory/data; done
      touch ${LOG} ${LOG}.1 /var/log/cfn-hup.log
      systemctl enable cfn-hup.service cfn-hup.timer
      systemctl add-requires graphical.target cfn-hup.service
      echo '[main]' >/etc/cfn/cfn-hup.conf`);
  });

  test('removed: commands and units go, metadata, logs and configuration stay', async () => {
    await debian.must('apt-get remove -qq cfntools 2>&1');
    for (const path of [
      '/usr/bin/cfntools',
      '/usr/bin/cfn-init',
      '/opt/aws/bin/cfn-init',
      '/lib/systemd/system/cfn-hup.service',
    ])
      expect([path, await exists(path)]).toEqual([path, 'no']);
    for (const path of [
      ...STATE.map((directory) => `${directory}/data`),
      LOG,
      '/etc/cfn/cfn-hup.conf',
      '/etc/default/cfn-hup',
    ])
      expect([path, await exists(path)]).toEqual([path, 'yes']);
  });

  test('installed after that: what was enabled is so again', async () => {
    await install(debian);
    expect(await debian.must('systemctl is-enabled cfn-hup.service cfn-hup.timer')).toBe('enabled\nenabled');
  });

  test('purged: all that is ours goes, what templates have written stays', async () => {
    await debian.must('apt-get purge -qq cfntools 2>&1');
    for (const path of [
      ...STATE,
      LOG,
      `${LOG}.1`,
      '/var/log/cfn-hup.log',
      '/opt/aws',
      '/etc/default/cfn-hup',
      '/etc/cfn/hooks.d',
      '/var/lib/cloud',
    ])
      expect([path, await exists(path)]).toEqual([path, 'no']);
    expect(await debian.must('cat /etc/cfn/cfn-hup.conf')).toBe('[main]');
    expect(await debian.must('find /etc/systemd /var/lib/systemd -name "cfn-*"')).toBe('');
    expect(await statusOf(debian, 'cfntools')).not.toBe('installed');
  });
});

test('lintian finds nothing in the deb', async () => {
  // It counts on a directory of its own for what it unpacks.
  const scratch = join(view().shared, 'lintian');
  mkdirSync(scratch);
  const words = ['lintian', '--allow-root', '--fail-on', 'error,warning', packages.deb];
  const env = { PATH: process.env['PATH'] ?? '', TMPDIR: scratch, LC_ALL: 'C.UTF-8', HOME: scratch };
  const { code, stdout } = await run(words, { env, timeout: 170_000 });
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});
