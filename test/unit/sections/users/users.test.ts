import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import type { World } from '../../../../src/sections/step.ts';
import { usersSection } from '../../../../src/sections/users/users.ts';
import { createAccounts } from '../../../../src/system/accounts/door.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { temporaryRoot } from '../../temporary-root.ts';

const place = '/AWS::CloudFormation::Init/config/users/web';

/** What a look at the accounts says about an entry. */
async function look(entry: { uid?: number; groups?: string[]; home?: string }, name = 'web'): Promise<string> {
  const { root, files } = temporaryRoot();
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:500:50::/srv/web:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'web:x:50:web\nadm:x:7:web\nstaff:x:12:\nwheel:x:14:root,web\n9:x:15:\n');
  const accounts = createAccounts(files, createExec({}));
  const world = { system: { accounts } } as unknown as World;
  const { uid, groups, home } = entry;
  try {
    const found = await usersSection.inspect({ name, place, uid, groups, home }, world);
    return found.state === 'differs' ? found.what : found.state;
  } catch (error) {
    if (error instanceof Problem) return error.line;
    throw error;
  }
}

describe('an existing user', () => {
  test.each<[string, Parameters<typeof look>[0], string]>([
    ['nothing more', {}, 'unchanged'],
    ['all as it is', { uid: 500, home: '/srv/web', groups: ['adm', 'wheel'] }, 'unchanged'],
    ['another order, twice, by number', { groups: ['14', 'wheel', 'adm', '7'] }, 'unchanged'],
    ['its primary group, too', { groups: ['wheel', 'web', '50', 'adm'] }, 'unchanged'],
    ['slashes at the end of the home', { home: '/srv/web//' }, 'unchanged'],
    ['one group more', { groups: ['adm', 'staff', 'wheel'] }, 'groups adm,wheel -> adm,staff,wheel'],
    ['a group whose name is a number', { groups: ['9'] }, 'groups adm,wheel -> 9'],
    ['none', { groups: [] }, 'groups adm,wheel -> none'],
    ['another home', { home: '/opt' }, 'home /srv/web -> /opt'],
    ['both', { home: '/opt', groups: ['adm'] }, 'home /srv/web -> /opt, groups adm,wheel -> adm'],
    [
      'another uid',
      { uid: 501 },
      `user web has uid 500, not 501: ${place}: change the uid in the template or the user on the machine`,
    ],
    [
      'one missing group',
      { groups: ['adm', 'no'] },
      `no group "no": ${place}: list what is missing under groups, or correct the name`,
    ],
    [
      'missing groups',
      { groups: ['no', 'adm', '99', '-x'] },
      `no groups "no", "99", "-x": ${place}: list what is missing under groups, or correct the name`,
    ],
  ])('%s', async (_, entry, expected) => {
    expect(await look(entry)).toBe(expected);
  });
});

describe('a new user', () => {
  test.each<[string, Parameters<typeof look>[0], string]>([
    ['nothing more', {}, 'created'],
    ['all there is', { uid: 70_000, groups: ['adm'], home: '/h' }, 'created, uid 70000, groups adm, home /h'],
    ['the group that is made for it', { groups: ['fresh', 'adm'] }, 'created, groups fresh,adm'],
    ['a taken uid', { uid: 500 }, `uid 500 belongs to user web: ${place}: choose another uid for fresh`],
    [
      'missing groups',
      { groups: ['no', 'no2'] },
      `no groups "no", "no2": ${place}: list what is missing under groups, or correct the name`,
    ],
  ])('%s', async (_, entry, expected) => {
    expect(await look(entry, 'fresh')).toBe(expected);
  });
});
