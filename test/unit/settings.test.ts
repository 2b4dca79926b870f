import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Log } from '../../src/logging/log.ts';
import { readSettings, SETTINGS, type Settings, settingPlace, wholeSetting } from '../../src/settings.ts';
import { temporaryRoot } from './temporary-root.ts';

it('has no settings without a file', async () => {
  expect((await readSettings(temporaryRoot().files)).size).toBe(0);
});

it.each(SETTINGS)('%s is in the documentation and in the man page', (name) => {
  expect(readFileSync('docs/reference/configuration.md', 'utf8')).toContain(`| \`${name}\` |`);
  expect(readFileSync('packaging/man/cfn-hup.conf.5', 'utf8')).toContain(`.B ${name.replaceAll('-', '\\-')}\n`);
});

it.each<[text: string, settings: Record<string, string>]>([
  ['compat=heat\n', { compat: 'heat' }],
  ['  Compat = heat  \r\nfollow = false', { compat: 'heat', follow: 'false' }],
  ['# compat=heat\n; follow=false\n\n[main]\nsignature=v2\n', { signature: 'v2' }],
  ['proxy = http://h:1/?a=b\nempty=\n', { proxy: 'http://h:1/?a=b', empty: '' }],
  ['compat=aws\ncompat=heat\n', { compat: 'heat' }],
  ['compat = "heat"\nlock-timeout = 60 # seconds\n', { compat: 'heat', 'lock-timeout': '60' }],
  ["compat = 'heat'\nfollow = false ; for now\n", { compat: 'heat', follow: 'false' }],
  ['[one]\ncompat = heat\n  follow = false\n[DEFAULT]\ncompat = aws\n', { compat: 'aws', follow: 'false' }],
  ['\uFEFFcompat: heat\nfollow\n', { compat: 'heat', follow: 'true' }],
  ['signature = %(x)s%\n', { signature: '%(x)s%' }],
])('reads %j', async (text, settings) => {
  const { root, files } = temporaryRoot();
  mkdirSync(`${root}/etc/cfn`, { recursive: true });
  writeFileSync(`${root}/etc/cfn/cfntools.conf`, text);
  expect(Object.fromEntries(await readSettings(files))).toEqual(settings);
});

it.each<[text: string, place: string]>([
  ['compat=aws\n[main]\n  Compat : heat\n', ':3'],
  ['[a]\ncompat=aws\n[b]\nfollow=false\n[a]\ncompat=heat\n[b]\n', ':6'],
  ['follow=false\n', ''],
])('the place of compat in %j', async (text, place) => {
  const { root, files } = temporaryRoot();
  mkdirSync(`${root}/etc/cfn`, { recursive: true });
  writeFileSync(`${root}/etc/cfn/cfntools.conf`, text);
  expect(await settingPlace(files, 'compat')).toBe(`/etc/cfn/cfntools.conf${place}`);
});

it.each<[text: string, value: number, warnings: number]>([
  ['1000', 1000, 0],
  ['17179869184', 17_179_869_184, 0],
  ['0', 5, 1],
  ['16G', 5, 1],
  ['-1', 5, 1],
  ['99999999999999999', 5, 1],
])('a whole number of bytes: %j', (text, value, warnings) => {
  const said: string[] = [];
  const log = { warning: (line: string) => said.push(line) } as unknown as Log;
  const settings: Settings = new Map([['most-unpacked-bytes', text]]);
  const bounds = { of: 'bytes', least: 1, most: Number.MAX_SAFE_INTEGER };
  expect(wholeSetting(settings, 'most-unpacked-bytes', 5, log, bounds)).toBe(value);
  expect(said).toHaveLength(warnings);
});
