import { expect, test } from 'vitest';
import type { FileEntry } from '../../../../src/config/config.ts';
import { filesSection } from '../../../../src/sections/files/files.ts';
import type { World } from '../../../../src/sections/step.ts';
import { createAccounts } from '../../../../src/system/accounts/door.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { fakeGuest } from '../../metadata/fake-system.ts';
import { us } from '../../temporary-root.ts';

const PATH = '/some/dir/file';

test.each<[string, string, string | undefined, string[], string[]]>([
  ['a file that is as it is wanted', 'right', '0644', ['look'], []],
  ['a file with another content', 'wrong', '0644', ['look'], ['write']],
  ['a file whose mode is not given', 'wrong', undefined, ['look'], ['write']],
  ['a link that leads elsewhere', 'link to /other', 'symlink', ['look'], ['writeLink']],
  ['a link that is right', 'link to right', 'symlink', ['look'], []],
])('%s: one look, and one write', async (_, present, mode, inspected, applied) => {
  const { system, log, write } = fakeGuest({});
  write('/etc/passwd', `me:x:${us.uid}:${us.gid}::/:/bin/sh\n`);
  write('/etc/group', `us:x:${us.gid}:\n`);
  if (present.startsWith('link to ')) system.files.writeLink(PATH, present.slice('link to '.length));
  else system.files.write(PATH, Buffer.from(present), { mode: 0o644, ...us });
  const calls: string[] = [];
  const reads: string[] = [];
  const counting = Object.entries(system.files).map(([name, method]) => [
    name,
    typeof method !== 'function'
      ? method
      : (...args: unknown[]) => {
          if (args[0] === PATH) calls.push(name);
          if (name === 'readIfPresent') reads.push(String(args[0]));
          return Reflect.apply(method, system.files, args) as unknown;
        },
  ]);
  const files = Object.fromEntries(counting) as typeof system.files;
  const accounts = createAccounts(files, createExec({}));
  const world: World = { system: { ...system, files, accounts }, log, changes: { has: () => false, names: () => [] } };
  const isLink = mode === 'symlink';
  const entry = {
    ...{ name: PATH, place: `/files/${PATH}`, content: { kind: 'inline', bytes: Buffer.from('right') } },
    ...(isLink ? {} : { owner: 'me', group: 'us' }),
    ...(mode === undefined
      ? {}
      : { mode: isLink ? { kind: 'symlink' } : { kind: 'file', bits: Number.parseInt(mode, 8) } }),
  } as unknown as FileEntry;

  const section = filesSection();
  const found = await section.inspect(entry, world);
  expect(calls.splice(0)).toEqual(inspected);
  if (found.state === 'differs') await section.apply(entry, found.plan, world);
  expect(calls).toEqual(applied);
  expect(reads).toEqual(isLink ? [] : ['/etc/passwd', '/etc/group']);
});
