import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { withPackageFiles } from '../../../../src/sections/packages/package-file.ts';
import type { World } from '../../../../src/sections/step.ts';
import type { DownloadRequest } from '../../../../src/system/http/http.ts';
import { temporaryRoot, us } from '../../temporary-root.ts';

const LEFT = '.cfntools-packages-999999999-abc';

/** A world whose web has the same file at each URL. */
function worldOf(): { readonly world: World; readonly root: string; readonly asked: string[] } {
  const { root, files } = temporaryRoot();
  const asked: string[] = [];
  const download = async ({ url, write }: DownloadRequest): Promise<void> => {
    asked.push(url);
    if (url.endsWith('/bad')) throw new Error('no such file');
    write(Buffer.from('package'));
  };
  const world = { system: { files, self: us, http: { download } } } as unknown as World;
  return { world, root, asked };
}

test('files by URL are in a directory of ours alone, under names that end as the tools want, and go away', async () => {
  const { world, root, asked } = worldOf();
  mkdirSync(join(root, 'var/cache'), { recursive: true });
  writeFileSync(join(root, 'here.deb'), 'here');
  const addresses = ['http://h/a b.deb?sig=s3cret', 'https://h/latest', '/here.deb', 'file:///here.deb'];
  const seen = await withPackageFiles(addresses, '.deb', world, async (files) =>
    files.map(({ address, path }) => {
      if (path === address) return path;
      expect(statSync(dirname(path)).mode & 0o7777).toBe(0o700);
      return path.replace(/^.*\//, '');
    }),
  );
  expect(seen).toEqual(['0-a_b.deb', '1-latest.deb', '/here.deb', '3-here.deb']);
  expect(asked).toEqual(['http://h/a%20b.deb?sig=s3cret', 'https://h/latest']);
  expect(readdirSync(join(root, 'var/cache'))).toEqual([]);
});

test('what a killed run left is swept, what a running one has is not', async () => {
  const { world, root } = worldOf();
  const cache = join(root, 'var/cache/heat-cfntools');
  const running = `.cfntools-packages-${process.ppid}-abc`;
  for (const name of [LEFT, running]) {
    mkdirSync(join(cache, name), { recursive: true, mode: 0o700 });
    for (const file of ['0-a.deb', '1-b.rpm', '.2-c.deb.cfntools-999999999-xyz'])
      writeFileSync(join(cache, name, file), 'x');
  }
  await withPackageFiles(['http://h/a.rpm'], '.rpm', world, async ([file]) =>
    expect(readFileSync(file?.path ?? '', 'utf8')).toBe('package'),
  );
  expect(readdirSync(cache)).toEqual([running]);
});

test('nothing is left of a download that fails', async () => {
  const { world, root } = worldOf();
  const use = async (): Promise<void> => undefined;
  await expect(withPackageFiles(['http://h/a.deb', 'http://h/bad'], '.deb', world, use)).rejects.toThrow(
    'no such file',
  );
  expect(readdirSync(root)).toEqual([]);
});

test('without a URL nothing is made, and a path where nothing is fails', async () => {
  const { world, root } = worldOf();
  writeFileSync(join(root, 'here.deb'), 'here');
  expect(await withPackageFiles(['/here.deb'], '.deb', world, async (files) => files)).toEqual([
    { address: '/here.deb', path: '/here.deb' },
  ]);
  await expect(withPackageFiles(['/none.deb'], '.deb', world, async () => 0)).rejects.toThrow('no such package file');
  expect(existsSync(join(root, 'var'))).toBe(false);
});
