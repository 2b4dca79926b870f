import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { groupsSection } from '../../../../src/sections/groups/groups.ts';
import type { World } from '../../../../src/sections/step.ts';
import { createAccounts } from '../../../../src/system/accounts/door.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { temporaryRoot } from '../../temporary-root.ts';

const place = '/AWS::CloudFormation::Init/config/groups/g';

test.each<[string, number | undefined, string]>([
  ['adm', undefined, 'unchanged'],
  ['adm', 7, 'unchanged'],
  ['fresh', undefined, 'created'],
  ['fresh', 8, 'created with gid 8'],
  // A group whose name is the number does not take it.
  ['fresh', 20, 'created with gid 20'],
  ['fresh', 7, `gid 7 belongs to group adm: ${place}: choose another gid for fresh`],
  ['adm', 8, `group adm has gid 7, not 8: ${place}: change the gid in the template or the group on the machine`],
])('group %s with gid %s', async (name, gid, expected) => {
  const { root, files } = temporaryRoot();
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/group'), 'adm:x:7:web\n20:x:21:\n');
  const accounts = createAccounts(files, createExec({}));
  const world = { system: { accounts } } as unknown as World;
  let said: string;
  try {
    const found = await groupsSection.inspect({ name, place, gid }, world);
    said = found.state === 'differs' ? found.what : found.state;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    said = error.line;
  }
  expect(said).toBe(expected);
});
