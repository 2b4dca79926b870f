import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata, summary } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['useradd', 'groupadd']);
const apply = (document: Record<string, unknown>, ...args: string[]) => cfnInit(view(), document, args);
const out = async (script: string): Promise<string> => (await view().run(script)).stdout.trim();
const error = (...parts: string[]) =>
  expect.stringMatching(new RegExp(`^cfn-init: ${parts.map((part) => `(?=[^\\n]*${part})`).join('')}[^\\n]+\\n$`));

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run(`
    groupadd -g 5100 there && groupadd -g 5101 other && groupadd -g 5102 third
    useradd -r -u 5200 -M -d /srv/app -g there -s /bin/bash app`);
});

describe('groups', () => {
  test('are created, with a gid or a system one of their own', async () => {
    const groups = { g1: { gid: '6001' }, g2: { gid: 6002 }, g3: {}, g4: null };
    const result = await apply({ groups });
    expect({ code: result.code, summary: summary(result) }).toEqual({
      code: 0,
      summary: expect.stringContaining('changed'),
    });
    expect(await out('getent group g1 g2 | cut -d: -f1,3')).toBe('g1:6001\ng2:6002');
    expect(Number(await out('getent group g3 | cut -d: -f3'))).toBeLessThan(1000);
    expect(summary(await apply({ groups }))).toMatch(/^\d unchanged$/);
  });

  test('one that is there is fine, with the same gid or without a number', async () => {
    expect(summary(await apply({ groups: { there: { gid: 5100 }, other: {} } }))).toBe('2 unchanged');
  });

  test.each<[string, object, string[]]>([
    ['another gid', { there: { gid: 7000 } }, ['there', '5100', '7000']],
    ['a taken gid', { fresh: { gid: 5101 } }, ['5101', 'other']],
  ])('%s is an error that names both', async (_, groups, parts) => {
    const before = await out('cat /etc/group');
    const { code, stderr } = await apply({ groups });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error(...parts) });
    expect(await out('cat /etc/group')).toBe(before);
  });

  test('under --compat heat a conflict is a warning', async () => {
    const result = await apply({ groups: { there: { gid: 7000 }, late: {} } }, '--compat', 'heat');
    expect({ code: result.code, stderr: result.stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('warning: '),
    });
    expect(await out('getent group late | cut -d: -f1')).toBe('late');
  });
});

describe('users', () => {
  test('are created for services: no login, no home made, groups of the same document', async () => {
    const document = {
      users: { web: { uid: '6100', groups: ['www', 'there'], homeDir: '/srv/web' } },
      groups: { www: { gid: '6101' } },
    };
    const result = await apply(document);
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '2 changed' });
    expect(await out('getent passwd web | cut -d: -f1,3,6,7')).toBe('web:6100:/srv/web:/sbin/nologin');
    expect(await out('id -Gn web | tr " " "\\n" | sort | tr "\\n" " "')).toBe('there web www');
    expect(view().exists('/srv/web')).toBe(false);
    expect(summary(await apply(document))).toBe('2 unchanged');
  });

  test('have /sbin/nologin as their shell even where it is not there', async () => {
    await view().run('mv /usr/sbin/nologin /usr/sbin/nologin.away');
    const document = { users: { shellless: {} } };
    const first = await apply(document);
    await view().run('mv /usr/sbin/nologin.away /usr/sbin/nologin');
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await out('getent passwd shellless | cut -d: -f7')).toBe('/sbin/nologin');
    expect(summary(await apply(document))).toBe('1 unchanged');
  });

  test.each([70_000, 4_294_967_294])('a uid of %d is fine', async (uid) => {
    const document = { users: { [`big${uid % 7}`]: { uid } } };
    expect(summary(await apply(document))).toBe('1 changed');
    expect(await out(`id -u big${uid % 7}`)).toBe(String(uid));
    // No entry of 292 bytes for each number below.
    expect(Number(await out('stat -c %s /var/log/lastlog || echo 0'))).toBeLessThan(1_000_000);
    expect(summary(await apply(document))).toBe('1 unchanged');
  });

  test('groups may be numbers; a group whose name is a number comes first', async () => {
    await view().run('echo 5101:x:5150: >>/etc/group; echo 5101:!:: >>/etc/gshadow');
    const document = { users: { numbers: { groups: [5100, '5101', '5102', 'third'] } } };
    const first = await apply(document);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    const supplementary = 'id -G numbers | cut -d" " -f2- | tr " " "\\n" | sort | tr "\\n" " "';
    expect(await out(supplementary)).toBe('5100 5102 5150');
    expect(summary(await apply(document))).toBe('1 unchanged');
    expect(summary(await apply({ users: { numbers: { groups: ['5101'] } } }))).toBe('1 changed');
    expect(await out(supplementary)).toBe('5150');
    await view().run("sed -i '/^5101:/d' /etc/group /etc/gshadow");
  });

  test('without a number get a system uid', async () => {
    const document = { users: { plain: {} } };
    expect(summary(await apply(document))).toBe('1 changed');
    expect(Number(await out('id -u plain'))).toBeLessThan(1000);
    expect(summary(await apply(document))).toBe('1 unchanged');
  });

  test('a number and a list in one text are understood', async () => {
    const document = { users: { lists: { uid: 6110, groups: 'there, other' } } };
    expect((await apply(document)).code).toBe(0);
    expect(await out('id -u lists')).toBe('6110');
    expect(summary(await apply(document))).toBe('1 unchanged');
  });

  test('a group of the same name becomes the primary one', async () => {
    const document = { groups: { same: { gid: 6120 } }, users: { same: { uid: 6121 } } };
    expect((await apply(document)).code).toBe(0);
    expect(await out('id -g same')).toBe('6120');
    expect(summary(await apply(document))).toBe('2 unchanged');
  });

  test('an existing one is modified to match; the rest of it stays', async () => {
    const document = { users: { app: { uid: 5200, groups: ['other', 'third'], homeDir: '/srv/new' } } };
    const result = await apply(document);
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '1 changed' });
    expect(await out('getent passwd app | cut -d: -f1,3,6,7')).toBe('app:5200:/srv/new:/bin/bash');
    expect(await out('id -Gn app')).toBe('there other third');
    expect(summary(await apply(document))).toBe('1 unchanged');
    expect(summary(await apply({ users: { app: { groups: ['third'] } } }))).toBe('1 changed');
    expect(await out('id -Gn app')).toBe('there third');
    expect(summary(await apply({ users: { app: { groups: [] } } }))).toBe('1 changed');
    expect(await out('id -Gn app')).toBe('there');
    expect(summary(await apply({ users: { app: {} } }))).toBe('1 unchanged');
    expect(summary(await apply({ users: { app: { homeDir: '/srv/new/', groups: ['there'] } } }))).toBe('1 unchanged');
  });

  test('the home of one whose processes run is left, and they are named', async () => {
    await view().run('setpriv --reuid=5200 --regid=5100 --clear-groups setsid sleep 60 >/dev/null 2>&1 </dev/null &');
    const before = await out('getent passwd app');
    const { code, stderr } = await apply({ users: { app: { homeDir: '/srv/busy' } } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error('user app', 'currently used by process [0-9]+') });
    expect(await out('getent passwd app')).toBe(before);
    await view().run('kill "$(pgrep -u 5200 sleep)"');
  });

  test.each<[string, object, string[]]>([
    ['another uid', { app: { uid: 5999 } }, ['app', '5200', '5999']],
    ['a taken uid', { newcomer: { uid: 5200 } }, ['5200', 'app']],
    ['a group that is not there', { newcomer: { groups: ['no-such-group'] } }, ['no-such-group']],
    ['more of them', { newcomer: { groups: ['no1', 'there', 'no2', '59999'] } }, ['"no1", "no2", "59999"']],
    ['a group that is not there, for an existing user', { app: { groups: ['no-such-group'] } }, ['no-such-group']],
  ])('%s is an error that names what is in conflict', async (_, users, parts) => {
    const before = await out('cat /etc/passwd /etc/group');
    const { code, stderr } = await apply({ users });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error(...parts) });
    expect(await out('cat /etc/passwd /etc/group')).toBe(before);
  });

  test('own files at once: the order of the sections sees to it', async () => {
    const document = {
      files: { '/srv/owned': { content: 'x', owner: 'late', group: 'latest', mode: '0640' } },
      users: { late: {} },
      groups: { latest: {} },
    };
    expect((await apply(document)).code).toBe(0);
    expect(await out('stat -c "%U %G %a" /srv/owned')).toBe('late latest 640');
  });
});

describe('the lock', () => {
  test.each([
    ['/etc/passwd.lock', { users: { patient1: {} } }, 'passwd patient1'],
    ['/etc/group.lock', { groups: { patient2: {} } }, 'group patient2'],
  ])('%s of another program is waited for', async (lock, document, account) => {
    await view().run(`echo -n 1 >${lock}; (sleep 3; rm ${lock}) >/dev/null 2>&1 </dev/null &`);
    const result = await apply(document);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(result.milliseconds).toBeGreaterThan(2500);
    expect(await out(`getent ${account} | wc -l`)).toBe('1');
  });
});

describe('where the lock cannot be made', () => {
  const documents = [
    ['user unlucky', { users: { unlucky: {} } }],
    ['user daemon', { users: { daemon: { groups: ['adm'] } } }],
    ['group unlucky', { groups: { unlucky: {} } }],
  ] as const;
  const asUser = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

  test.each([
    ['as root', '', 'the file system is read-only'],
    ['as an ordinary user', asUser, 'permission denied'],
  ])('on a read-only file system %s: it fails at once and says why', async (_, before, why) => {
    await view().run('mount --bind /etc /etc && mount -o remount,bind,ro /etc');
    const command = ['/bin/bash', '-c', `exec ${before} "$0" -`, binary('cfn-init')];
    try {
      for (const [account, document] of documents) {
        const result = await view().run(command, { input: metadata(document) });
        expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 1, stderr: error(account, why) });
        expect(result.milliseconds).toBeLessThan(10_000);
      }
    } finally {
      await view().run('umount /etc');
    }
  });

  test.each(documents)('by an ordinary user: it fails at once and says why: %s', async (account, document) => {
    const command = ['/bin/bash', '-c', `exec ${asUser} "$0" -`, binary('cfn-init')];
    const result = await view().run(command, { input: metadata(document) });
    expect({ code: result.code, stderr: result.stderr }).toEqual({
      code: 1,
      stderr: error(account, 'permission denied'),
    });
    expect(result.milliseconds).toBeLessThan(10_000);
  });
});

describe('--root with accounts of its own', () => {
  const root = (): string => join(view().shared, 'root');
  const document = {
    groups: { inside: { gid: 6301 } },
    users: { inner: { uid: 6300, groups: ['inside'], homeDir: '/x' } },
  };

  test('they are changed there and not here', async () => {
    await view().run(`mkdir -p ${root()}/etc && cd ${root()}/etc && printf 'root:x:0:0::/root:/bin/sh\\n' >passwd &&
      printf 'root:x:0:\\n' >group && printf 'root:*:19000::::::\\n' >shadow && printf 'root:*::\\n' >gshadow`);
    const result = await apply(document, '--root', root());
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '2 changed' });
    expect(readFileSync(join(root(), 'etc/passwd'), 'utf8')).toMatch(/^inner:x:6300:\d+::\/x:\/sbin\/nologin$/m);
    expect(readFileSync(join(root(), 'etc/group'), 'utf8')).toMatch(/^inside:x:6301:inner$/m);
    expect(await out('getent passwd inner; getent group inside')).toBe('');
    expect(summary(await apply(document, '--root', root()))).toBe('2 unchanged');
  });

  test('the shell is /sbin/nologin where there is only /usr/sbin/nologin', async () => {
    await view().run(`mkdir -p ${root()}/usr/sbin ${root()}/sbin && cp /usr/sbin/nologin ${root()}/usr/sbin/`);
    const users = { shellless: { groups: ['inside', '6301'] } };
    expect(summary(await apply({ users }, '--root', root()))).toBe('1 changed');
    expect(readFileSync(join(root(), 'etc/passwd'), 'utf8')).toMatch(/^shellless:.*:\/sbin\/nologin$/m);
    expect(summary(await apply({ users }, '--root', root()))).toBe('1 unchanged');
    expect(summary(await apply({ users: { shellless: { groups: [], homeDir: '/y' } } }, '--root', root()))).toBe(
      '1 changed',
    );
    expect(readFileSync(join(root(), 'etc/group'), 'utf8')).toMatch(/^inside:x:6301:inner$/m);
    expect(readFileSync(join(root(), 'etc/passwd'), 'utf8')).toMatch(/^shellless:.*:\/y:\/sbin\/nologin$/m);
  });

  test('without any: they are skipped, and it says what is missing', async () => {
    const { code, stdout } = await apply(document, '--root', `${root()}-bare`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^groups +skipped [^\n]*etc\/passwd/m) });
    expect(await out('getent passwd inner; getent group inside')).toBe('');
  });
});
