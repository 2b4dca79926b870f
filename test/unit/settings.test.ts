import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSettings } from '../../src/settings.ts';
import { temporaryRoot } from './temporary-root.ts';

it('has no settings without a file', async () => {
  expect((await readSettings(temporaryRoot().files)).size).toBe(0);
});

it.each<[text: string, settings: Record<string, string>]>([
  ['compat=heat\n', { compat: 'heat' }],
  ['  Compat = heat  \r\nfollow = false', { compat: 'heat', follow: 'false' }],
  ['# compat=heat\n; follow=false\n\n[main]\nsignature=v2\n', { signature: 'v2' }],
  ['proxy = http://h:1/?a=b\nempty=\n', { proxy: 'http://h:1/?a=b', empty: '' }],
  ['compat=aws\ncompat=heat\n', { compat: 'heat' }],
])('reads %j', async (text, settings) => {
  const { root, files } = temporaryRoot();
  mkdirSync(`${root}/etc/cfn`, { recursive: true });
  writeFileSync(`${root}/etc/cfn/cfntools.conf`, text);
  expect(Object.fromEntries(await readSettings(files))).toEqual(settings);
});
