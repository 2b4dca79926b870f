/**
 * Users and groups of another name service than /etc/passwd and /etc/group, as LDAP's are. systemd's user records
 * (nss-systemd, /etc/userdb) are one that needs no server: to getent and shadow-utils it is all the same.
 */
import { existsSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['useradd', 'gpasswd', 'getent']);
const apply = (document: ConfigDocument) => cfnInit(view(), document);
const out = async (script: string): Promise<string> => (await view().run(script)).stdout.trim();
const everything = (): Promise<string> => out('cat /etc/passwd /etc/group /etc/shadow /etc/gshadow');
const error = (...parts: string[]) =>
  expect.stringMatching(new RegExp(`^cfn-init: ${parts.map((part) => `(?=[^\\n]*${part})`).join('')}[^\\n]+\\n$`));
let isThere = false;

beforeAll(async () => {
  if (process.geteuid?.() !== 0 || !existsSync('/etc/nsswitch.conf')) return;
  await view().run(`
    sed -i 's/^passwd:.*/passwd: files systemd/; s/^group:.*/group: files systemd/' /etc/nsswitch.conf
    mkdir -p /etc/userdb && cd /etc/userdb
    echo '{"userName":"remote","uid":6500,"gid":6501,"homeDirectory":"/net/remote","shell":"/bin/sh"}' >remote.user
    echo '{"groupName":"staffers","gid":6501}' >staffers.group
    echo '{"groupName":"admins","gid":6502,"members":["remote"]}' >admins.group
    echo '{"groupName":"outsiders","gid":6503}' >outsiders.group
    ln -s remote.user 6500.user; ln -s staffers.group 6501.group; ln -s admins.group 6502.group
    ln -s outsiders.group 6503.group; : >remote:admins.membership
    echo '{"userName":"jane@example.test","uid":6510,"gid":6511}' >jane@example.test.user
    echo '{"userName":"CORP\\\\jim doe","uid":6512,"gid":6511}' >'CORP\\jim doe.user'
    echo '{"groupName":"domain users","gid":6511}' >'domain users.group'
    groupadd -g 5100 there; groupadd -g 5101 other; useradd -r -u 5200 -M -g there app`);
  isThere = (await out('getent passwd remote; getent group admins')).split('\n').length === 2;
});
beforeEach((context) => {
  if (!isThere) context.skip('needs nss-systemd');
});

describe('a user of another name service', () => {
  test('is there, and can be in local groups: exactly those listed', async () => {
    for (const groups of [['there', 'other'], ['other'], []]) {
      const document = { users: { remote: { uid: 6500, homeDir: '/net/remote', groups } } };
      const first = await apply(document);
      expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
        code: 0,
        stderr: '',
        summary: '1 changed',
      });
      expect(await out(`grep -E '(:|,)remote(,|$)' /etc/group | cut -d: -f1`)).toBe(groups.join('\n'));
      expect(summary(await apply(document))).toBe('1 unchanged');
    }
    expect(await out('grep -c ^remote: /etc/passwd')).toBe('0');
  });

  test('its groups there may be listed besides', async () => {
    const document = { users: { remote: { groups: ['there', 'staffers', 'admins'] } } };
    expect(summary(await apply(document))).toBe('1 changed');
    expect(summary(await apply(document))).toBe('1 unchanged');
    expect(summary(await apply({ users: { remote: { groups: [] } } }))).toBe('1 changed');
  });

  test('owns files', async () => {
    const files = { '/srv/theirs': { content: 'x', owner: 'remote', group: 'admins' } };
    expect((await apply({ files })).code).toBe(0);
    expect(await out('stat -c %u:%g /srv/theirs')).toBe('6500:6502');
  });
});

test.each([
  ['jane@example.test', '6510:6511'],
  ['CORP\\jim doe', '6512:6511'],
])('a name as directory services have it owns files: %s', async (owner, ids) => {
  const result = await apply({ files: { '/srv/far': { content: owner, owner, group: 'domain users' } } });
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
  expect(await out('stat -c %u:%g /srv/far')).toBe(ids);
});

describe('an answer of getent that cannot be used is a failure, and the file is not written', () => {
  const env = { PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' };
  const own = (options = env) =>
    cfnInit(view(), { files: { '/srv/odd': { content: 'x', owner: 'remote' } } }, [], { env: options });

  test.each([
    ['two lines', 'echo remote:x:0:0::/:/bin/sh; echo remote:x:6500:6501::/:/bin/sh'],
    ['too few fields', 'echo remote:x:0:0'],
    ['a number that is none', 'echo remote:x::0::/:/bin/sh'],
    ['a number that means no change', 'echo remote:x:4294967295:0::/:/bin/sh'],
    ['a message', 'echo cannot tell'],
    ['nothing', ':'],
    ['a failure', 'echo remote:x:0:0::/:/bin/sh; exit 1'],
    ['an answer and that there is none', 'echo remote:x:0:0::/:/bin/sh; exit 2'],
  ])('%s', async (_, answer) => {
    await view().run(
      `printf '%s\\n' '#!/bin/sh' '${answer}' >/usr/local/sbin/getent; chmod 755 /usr/local/sbin/getent; rm -f /srv/odd`,
    );
    const { code, stderr } = await own();
    await view().run('rm /usr/local/sbin/getent');
    expect({ code, stderr }).toEqual({ code: 1, stderr: error('getent passwd', 'remote') });
    expect(view().exists('/srv/odd')).toBe(false);
  });

  test('what the loader prints to stderr is none of it', async () => {
    const result = await own({ ...env, LD_PRELOAD: '/nowhere/libfoo.so.0' } as typeof env);
    expect(result.code).toBe(0);
    expect(await out('stat -c %u /srv/odd')).toBe('6500');
  });
});

test('a group that is there already is unchanged', async () => {
  expect(summary(await apply({ groups: { admins: { gid: 6502 }, staffers: {} } }))).toBe('2 unchanged');
});

test.each<[string, ConfigDocument, string[]]>([
  ['another uid', { users: { remote: { uid: 6666 } } }, ['remote', '6500', '6666']],
  ['a uid taken there', { users: { fresh: { uid: 6500 } } }, ['6500', 'remote']],
  ['another home', { users: { remote: { homeDir: '/home/remote' } } }, ['/net/remote', 'another name service']],
  [
    'a group there that does not have the user',
    { users: { remote: { groups: ['outsiders', 'there'] } } },
    ['outsiders', 'another name service'],
  ],
  ['a group there for a local user', { users: { app: { groups: ['admins'] } } }, ['admins', 'another name service']],
  ['a group there for a new user', { users: { fresh: { groups: ['admins'] } } }, ['admins', 'another name service']],
  ['another gid', { groups: { admins: { gid: 6666 } } }, ['admins', '6502', '6666']],
  ['a gid taken there', { groups: { fresh: { gid: 6502 } } }, ['6502', 'admins']],
])('%s is an error that names it', async (_, document, parts) => {
  const before = await everything();
  const { code, stderr } = await apply(document);
  expect({ code, stderr }).toEqual({ code: 1, stderr: error(...parts) });
  expect(await everything()).toBe(before);
});
