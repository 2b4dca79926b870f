import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { property, RUNS, service, stateOf, UNITS, watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// The kinds and states of units that systemd knows.
const view = useSandbox({ init: 'systemd' });
const apply = (services: ConfigDocument, files: ConfigDocument = {}) =>
  cfnInit(view(), { services: { systemd: services }, files });
const BOTH = { enabled: true, ensureRunning: true };
const NEITHER = { enabled: false, ensureRunning: false };
const done = async (services: ConfigDocument) => {
  const { code, stderr, stdout } = await apply(services);
  return { code, stderr, did: /^services\s+(.*?) {2}\d/m.exec(stdout)?.[1] ?? 'unchanged' };
};
const unchanged = { code: 0, stderr: '', did: 'unchanged' };

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await watchFor(view(), 0);
  const install = '[Install]\nWantedBy=multi-user.target\n';
  const sleep = 'ExecStart=/bin/sleep 300';
  const files = {
    [`${UNITS}/plain.service`]: RUNS,
    [`${UNITS}/many@.service`]: RUNS,
    [`${UNITS}/first.service`]: service(sleep, `${install}Alias=second.service\n`),
    [`${UNITS}/bare.service`]: service(sleep),
    [`${UNITS}/helper.service`]: service(sleep, '[Install]\nAlso=plain.service\n'),
    [`${UNITS}/tick.timer`]: { content: '[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n' },
    [`${UNITS}/tick.service`]: service('Type=oneshot\nExecStart=/bin/true'),
    [`${UNITS}/tap.socket`]: { content: '[Socket]\nListenStream=/run/tap\n[Install]\nWantedBy=sockets.target\n' },
    [`${UNITS}/tap.service`]: service(sleep),
    [`${UNITS}/hidden.service`]: { content: '/dev/null', mode: '120777' },
    [`${UNITS}/linked.service`]: { content: '/opt/linked.service', mode: '120777' },
    '/usr/lib/systemd/system/packaged.service': RUNS,
    [`${UNITS}/other.service`]: { content: '/usr/lib/systemd/system/packaged.service', mode: '120777' },
    '/opt/linked.service': service(sleep, install),
    [`${UNITS}/barelink.service`]: { content: '/opt/barelink.service', mode: '120777' },
    '/opt/barelink.service': service(sleep),
  };
  const { code, stderr } = await cfnInit(view(), { files });
  if (code !== 0) throw new Error(stderr);
  await view().run('systemctl daemon-reload');
});

describe('enabled and started, then unchanged, then stopped and disabled, then unchanged:', () => {
  test.each([
    ['plain', 'plain.service'],
    ['plain.service', 'plain.service'],
    ['many@a', 'many@a.service'],
    ['many@b.service', 'many@b.service'],
    ['tick.timer', 'tick.timer'],
    ['tap.socket', 'tap.socket'],
  ])('%s', async (name, unit) => {
    expect((await done({ [name]: BOTH })).did).toBe(`changed    ${name}  (enabled, started)`);
    expect(await stateOf(view(), unit)).toBe('enabled active');
    expect(await done({ [name]: BOTH })).toEqual(unchanged);
    expect((await done({ [name]: NEITHER })).did).toBe(`changed    ${name}  (disabled, stopped)`);
    expect(await stateOf(view(), unit)).toBe('disabled inactive');
    expect(await done({ [name]: NEITHER })).toEqual(unchanged);
  });
});

describe('a service that is as wanted', () => {
  test('costs one call of systemctl', async () => {
    await apply({ plain: BOTH, 'tick.timer': BOTH });
    await view().run(`printf '#!/bin/sh\\necho "$*" >>/run/calls\\nexec /usr/bin/systemctl "$@"\\n' \
      >/usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl`);
    expect(summary(await apply({ plain: BOTH, 'tick.timer': BOTH }))).toBe('2 unchanged');
    const calls = view().read('/run/calls').trim().split('\n');
    expect(calls.map((call) => call.replace(/--property=\S+ /, ''))).toEqual(['show -- plain.service tick.timer']);
    await view().run('rm /usr/local/sbin/systemctl; systemctl stop plain; systemctl disable plain');
  });
});

describe('an alias', () => {
  test('stands for its unit', async () => {
    await apply({ first: { enabled: true } });
    expect(await done({ second: BOTH })).toEqual({ code: 0, stderr: '', did: 'changed    second  (started)' });
    expect(await stateOf(view(), 'first.service')).toBe('enabled active');
    expect(await done({ second: BOTH })).toEqual(unchanged);
    // systemctl itself refuses to disable by an alias.
    expect((await done({ second: NEITHER })).did).toBe('changed    second  (disabled, stopped)');
    expect(await stateOf(view(), 'first.service')).toBe('disabled inactive');
  });
});

describe('a unit that cannot be enabled', () => {
  test('is started, with a warning; the second run is unchanged', async () => {
    const first = await apply({ bare: BOTH });
    expect({ code: first.code, stderr: first.stderr, state: await stateOf(view(), 'bare.service') }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^cfn-init: warning: bare\.service cannot be enabled: services systemd "bare": its unit file has no \[Install\] section[^\n]*WantedBy=multi-user\.target\n$/,
      ),
      state: 'static active',
    });
    expect(summary(await apply({ bare: BOTH }))).toBe('1 unchanged');
    expect((await done({ bare: NEITHER })).did).toBe('changed    bare  (stopped)');
    expect(await done({ bare: NEITHER })).toEqual(unchanged);
  });
});

describe('a unit that nothing says how to enable', () => {
  const no = (name: string) => ({
    ...{ code: 0, did: 'unchanged' },
    stderr: expect.stringMatching(
      new RegExp(`^cfn-init: warning: ${name}\\.service cannot be enabled: .*no \\[Install\\]`),
    ),
  });

  test.each(['bare', 'barelink'])('%s', async (name) => {
    expect(await done({ [name]: { enabled: true } })).toEqual(no(name));
    expect(await done({ [name]: { enabled: false } })).toEqual(unchanged);
  });
});

describe('a unit that something else makes', () => {
  const GENERATOR = '/etc/systemd/system-generators/making';
  const refusal = (unit: string, why: string) => ({
    code: 0,
    did: 'unchanged',
    stderr: expect.stringMatching(
      new RegExp(`^cfn-init: warning: ${unit} cannot be enabled: [^\\n]*: ${why}[^\\n]*\\n$`),
    ),
  });

  test('a transient one is not there at the next boot, which is said', async () => {
    await view().run('systemd-run --unit=passing sleep 300');
    expect(await done({ passing: BOTH })).toEqual(refusal('passing.service', 'it is a transient unit'));
  });

  test('a generated one: what it is made from decides, which is said where nothing starts it at boot', async () => {
    const unit = '[Unit]\\nSourcePath=/etc/made.conf\\n[Service]\\nExecStart=/bin/sleep 300\\n';
    await view().run(
      `mkdir -p /etc/systemd/system-generators && cat >${GENERATOR} && chmod 755 ${GENERATOR} &&
      systemctl daemon-reload && systemctl start made wanted`,
      {
        input: `#!/bin/sh\nprintf '${unit}' >"$1/made.service"; cp "$1/made.service" "$1/wanted.service"
        mkdir -p "$1/multi-user.target.wants"; ln -s ../wanted.service "$1/multi-user.target.wants/"\n`,
      },
    );
    const why = 'a generator made it from /etc/made\\.conf, which decides what starts at boot: enable it there';
    expect(await done({ made: BOTH })).toEqual(refusal('made.service', why));
    expect(await done({ wanted: BOTH })).toEqual(unchanged);
    expect(await done({ made: { enabled: false } })).toEqual(unchanged);
  });
});

describe('a unit that only enables others', () => {
  test('is enabled when those are', async () => {
    expect((await done({ helper: { enabled: true } })).did).toBe('changed    helper  (enabled)');
    expect(await property(view(), 'UnitFileState', 'plain.service')).toBe('enabled');
    expect(await done({ helper: { enabled: true } })).toEqual(unchanged);
    expect((await done({ helper: { enabled: false } })).did).toBe('changed    helper  (disabled)');
    expect(await property(view(), 'UnitFileState', 'plain.service')).toBe('disabled');
    expect(await done({ helper: { enabled: false } })).toEqual(unchanged);
  });
});

describe('a unit that has a second name by a link', () => {
  test.each(['packaged', 'other'])('is not enabled by that: %s', async (name) => {
    expect(await stateOf(view(), 'packaged.service')).toBe('indirect inactive');
    expect((await done({ [name]: BOTH })).did).toBe(`changed    ${name}  (enabled, started)`);
    expect(await stateOf(view(), 'packaged.service')).toBe('enabled active');
    expect(await done({ [name]: BOTH })).toEqual(unchanged);
    // systemctl disable would take the second name away as well.
    await view().run(
      'rm /etc/systemd/system/*.wants/packaged.service; systemctl daemon-reload; systemctl stop packaged',
    );
    expect(await done({ [name]: { enabled: false } })).toEqual(unchanged);
  });
});

describe('a unit that is enabled for this boot only', () => {
  test('is enabled for all', async () => {
    await view().run('systemctl enable --runtime plain');
    expect(await property(view(), 'UnitFileState', 'plain.service')).toBe('enabled-runtime');
    expect((await done({ plain: { enabled: true } })).did).toBe('changed    plain  (enabled)');
    expect(await property(view(), 'UnitFileState', 'plain.service')).toBe('enabled');
    await view().run('systemctl disable plain; systemctl disable --runtime plain');
  });
});

describe('a unit file that is a link', () => {
  test('is enabled and started', async () => {
    expect((await done({ linked: BOTH })).did).toBe('changed    linked  (enabled, started)');
    expect(await done({ linked: BOTH })).toEqual(unchanged);
    await view().run('systemctl stop linked');
  });
});

describe('a masked unit', () => {
  const refused = {
    code: 1,
    stderr: expect.stringMatching(
      /^cfn-init: hidden\.service is masked: services systemd "hidden": [^\n]*systemctl unmask hidden\.service[^\n]*\n$/,
    ),
  };
  test.each([{ enabled: true }, { ensureRunning: true }, BOTH])('is a failure when wanted: %o', async (wanted) => {
    const { code, stderr } = await apply({ hidden: wanted });
    expect({ code, stderr }).toEqual(refused);
  });

  test.each([NEITHER, { enabled: false }, { ensureRunning: false }, {}])('is unchanged else: %o', async (wanted) => {
    expect(await done({ hidden: wanted })).toEqual(unchanged);
  });

  test('until the next boot only is told so', async () => {
    await view().run('systemctl mask --runtime packaged');
    const { code, stderr } = await apply({ packaged: BOTH });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('run systemctl unmask --runtime packaged.service, or'),
    });
    expect((await view().run('systemctl unmask --runtime packaged.service')).code).toBe(0);
  });

  test('that still runs is stopped, and not restarted', async () => {
    const unit = '/run/systemd/system/veiled.service';
    await view().run(`cp ${UNITS}/plain.service ${unit}; systemctl start veiled; systemctl mask veiled`);
    expect(await property(view(), 'LoadState', 'veiled.service')).toBe('masked');
    const changed = await apply({ veiled: { files: ['/etc/veiled'] } }, { '/etc/veiled': { content: '' } });
    expect({ code: changed.code, summary: summary(changed) }).toEqual({ code: 0, summary: '1 changed, 1 unchanged' });
    expect((await done({ veiled: { ensureRunning: false } })).did).toBe('changed    veiled  (stopped)');
  });
});

describe('a template without an instance', () => {
  test.each(['many@', 'many@.service'])('%s', async (name) => {
    const { code, stderr } = await apply({ [name]: BOTH });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: many@\.service is a template: [^\n]*many@NAME\n$/),
    });
  });
});

describe('a name that is not there', () => {
  test.each([
    ['plian', 'did you mean plain?'],
    ['plain2.service', 'did you mean plain?'],
    ['mony@tty7', 'did you mean many@tty7?'],
    ['tik.timer', 'did you mean tick.timer?'],
    ['olddd', 'did you mean oldd?'],
    ['somethingelse', 'check its name'],
  ])('%s: %s', async (name, says) => {
    await view().run('printf "#!/bin/sh\\nexit 0\\n" >/etc/init.d/oldd; chmod 755 /etc/init.d/oldd');
    const { code, stderr } = await apply({ [name]: { ensureRunning: true } });
    expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toContain(`no service ${JSON.stringify(name)}: services systemd `);
    expect(stderr).toContain(says);
  });

  test.each([NEITHER, { enabled: false }, { ensureRunning: false }])('is fine when not wanted: %o', async (wanted) => {
    expect(await done({ nonsense: wanted })).toEqual(unchanged);
  });
});

describe('an init script', () => {
  const script = `#!/bin/sh
### BEGIN INIT INFO
# Provides: fresh
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
case $1 in start) setsid sleep 300 >/dev/null 2>&1 & ;; esac
`;

  test('that a command has put there is found, enabled, started, stopped and disabled', async () => {
    const command = `cat >/etc/init.d/fresh <<'END'\n${script}END\nchmod 755 /etc/init.d/fresh`;
    const commands = { make: { command } };
    const document = (wanted: ConfigDocument) => ({ commands, services: { sysvinit: { fresh: wanted } } });
    const first = await cfnInit(view(), document(BOTH));
    expect({ code: first.code, stderr: first.stderr, did: first.stdout }).toEqual({
      code: 0,
      stderr: '',
      did: expect.stringContaining('fresh  (enabled, started)'),
    });
    expect(await property(view(), 'ActiveState', 'fresh.service')).toBe('active');
    expect((await view().run('ls /etc/rc3.d')).stdout).toMatch(/^S\d\dfresh$/m);
    expect(await done({ '/etc/init.d/fresh': BOTH })).toEqual(unchanged);
    expect((await done({ fresh: NEITHER })).did).toBe('changed    fresh  (disabled, stopped)');
    expect((await view().run('ls /etc/rc3.d')).stdout).not.toMatch(/^S\d\dfresh$/m);
    expect(await done({ fresh: NEITHER })).toEqual(unchanged);
  });
});
