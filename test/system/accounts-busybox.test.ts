/**
 * Users and groups where there is busybox instead of shadow-utils, as in Alpine. Where this machine's busybox has no
 * adduser (Debian's), a stand-in with its options, messages and exit codes is used: see test/support/busybox-accounts.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBusyboxAccounts } from '../support/busybox-accounts.ts';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const apply = (document: ConfigDocument, ...args: string[]) => cfnInit(view(), document, args);
const out = async (script: string): Promise<string> => (await view().run(script)).stdout.trim();
const everything = (): Promise<string> => out('cat /etc/passwd /etc/group /etc/shadow /etc/gshadow');
const error = (...parts: string[]) =>
  expect.stringMatching(new RegExp(`^cfn-init: ${parts.map((part) => `(?=[^\\n]*${part})`).join('')}[^\\n]+\\n$`));

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await useBusyboxAccounts(view());
  await view().run(`
    addgroup -g 5100 there && addgroup -g 5101 other && addgroup -g 5102 third
    adduser -S -D -H -u 5200 -h /srv/app -G there -s /bin/bash app`);
});

describe('groups', () => {
  test('are created, with a gid or a system one of their own', async () => {
    const groups = { g1: { gid: '6001' }, g2: {} };
    const first = await apply({ groups });
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(await out('grep ^g1: /etc/group')).toBe('g1:x:6001:');
    expect(Number(await out('grep ^g2: /etc/group | cut -d: -f3'))).toBeLessThan(1000);
    expect(summary(await apply({ groups }))).toBe('2 unchanged');
  });

  test.each<[string, object, string[]]>([
    ['another gid', { there: { gid: 7000 } }, ['there', '5100', '7000']],
    ['a taken gid', { fresh: { gid: 5101 } }, ['5101', 'other']],
    ['a gid that the applet does not take', { fresh: { gid: 3_000_000 } }, ['fresh', 'number 3000000 is not in']],
  ])('%s is an error that names what is in conflict', async (_, groups, parts) => {
    const before = await everything();
    const { code, stderr } = await apply({ groups });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error(...parts) });
    expect(await everything()).toBe(before);
  });
});

describe('users', () => {
  test('are created for services: a group of their own, no login, no home made, groups of the same document', async () => {
    const document = {
      users: { web: { uid: '6100', groups: ['www', 'there'], homeDir: '/srv/web' } },
      groups: { www: { gid: '6101' } },
    };
    const first = await apply(document);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(await out('grep ^web: /etc/passwd | cut -d: -f1-3,5-')).toBe('web:x:6100::/srv/web:/sbin/nologin');
    expect(await out('grep ^web: /etc/shadow | cut -d: -f1,2')).toBe('web:!');
    expect(await out('id -gn web; id -Gn web | tr " " "\\n" | sort | tr "\\n" " "')).toBe('web\nthere web www');
    expect(view().exists('/srv/web')).toBe(false);
    expect(summary(await apply(document))).toBe('2 unchanged');
  });

  test('without a number get a system uid', async () => {
    const document = { users: { plain: {} } };
    expect(summary(await apply(document))).toBe('1 changed');
    expect(Number(await out('id -u plain'))).toBeLessThan(1000);
    expect(summary(await apply(document))).toBe('1 unchanged');
  });

  test('a group of the same name becomes the primary one', async () => {
    const document = { groups: { same: { gid: 6120 } }, users: { same: { uid: 70_000 } } };
    expect((await apply(document)).code).toBe(0);
    expect(await out('id -u same; id -g same')).toBe('70000\n6120');
    expect(summary(await apply(document))).toBe('2 unchanged');
  });

  test('the groups of an existing one are exactly those listed; the rest of it stays', async () => {
    for (const [groups, expected] of [
      [['other', 'third'], 'there other third'],
      [['third'], 'there third'],
      [[], 'there'],
    ] as const) {
      const document = { users: { app: { uid: 5200, groups, homeDir: '/srv/app/' } } };
      const first = await apply(document);
      expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
        code: 0,
        stderr: '',
        summary: '1 changed',
      });
      expect(await out('id -Gn app')).toBe(expected);
      expect(summary(await apply(document))).toBe('1 unchanged');
    }
    expect(await out('grep ^app: /etc/passwd | cut -d: -f1-4,6-')).toBe('app:x:5200:5100:/srv/app:/bin/bash');
  });

  test('another home is an error that says what to install: busybox has no usermod', async () => {
    const before = await everything();
    const { code, stderr } = await apply({ users: { app: { homeDir: '/srv/new', groups: ['other'] } } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error('home', 'app', 'install the package shadow') });
    expect(await everything()).toBe(before);
  });

  test.each<[string, object, string[]]>([
    ['another uid', { app: { uid: 5999 } }, ['app', '5200', '5999']],
    ['a taken uid', { newcomer: { uid: 5200 } }, ['5200', 'app']],
    ['groups that are not there', { newcomer: { groups: ['no1', 'there', 'no2'] } }, ['"no1", "no2"']],
    ['a uid that the applet does not take', { newcomer: { uid: 3_000_000 } }, ['newcomer', '3000000 is not in']],
    ['a home that would break passwd', { newcomer: { homeDir: '/srv:/bin/sh' } }, ['homeDir']],
  ])('%s is an error that names it, and nothing is left behind', async (_, users, parts) => {
    const before = await everything();
    const { code, stderr } = await apply({ users });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error(...parts) });
    expect(await everything()).toBe(before);
  });
});

test('another holder of the lock is waited for', async () => {
  // The applet itself waits for 3 seconds.
  await view().run('touch /etc/group+; (sleep 5; rm /etc/group+) >/dev/null 2>&1 </dev/null &');
  const result = await apply({ groups: { patient: {} } });
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
  expect(await out('grep -c ^patient: /etc/group')).toBe('1');
});

test('where the lock cannot be made, it fails at once and says why', async () => {
  await view().run('touch /etc/group+; mount --bind /etc /etc && mount -o remount,bind,ro /etc');
  try {
    for (const [account, document] of [
      ['group late', { groups: { late: {} } }],
      ['user app', { users: { app: { groups: ['there', 'third'] } } }],
    ] as const) {
      const result = await apply(document);
      expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 1, stderr: error(account, 'read-only') });
      expect(result.milliseconds).toBeLessThan(20_000);
    }
  } finally {
    await view().run('umount /etc; rm /etc/group+');
  }
});

describe('what cannot be done says what to install', () => {
  test('accounts below another root', async () => {
    const root = join(view().shared, 'root');
    await view().run(
      `mkdir -p ${root}/etc && cd ${root}/etc && echo root:x:0:0::/root:/bin/sh >passwd && echo root:x:0: >group`,
    );
    const { code, stderr } = await apply({ groups: { inside: {} } }, '--root', root);
    expect({ code, stderr: stderr.replace(/^.*warning.*\n/gm, '') }).toEqual({
      code: 1,
      stderr: error('busybox', 'install the package shadow'),
    });
    expect(readFileSync(join(root, 'etc/group'), 'utf8')).toBe('root:x:0:\n');
  });

  test('no tool at all', async () => {
    await view().run('rm /usr/sbin/adduser');
    const before = await everything();
    const { code, stderr } = await apply({ users: { nobody2: {} } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: error('no tools to change accounts', 'install') });
    expect(await everything()).toBe(before);
  });
});
