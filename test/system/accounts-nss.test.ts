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
