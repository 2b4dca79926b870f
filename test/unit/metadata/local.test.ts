import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { localMetadataPaths, parseDocument, publishMetadata, readLocalMetadata } from '../../../src/metadata/local.ts';
import { temporaryRoot, us } from '../temporary-root.ts';

const CACHE = '/var/cache/heat-cfntools';
const OF_RESOURCE = `${CACHE}/last_metadata_RES`;
const LAST = `${CACHE}/last_metadata`;
const BOOT = '/var/lib/heat-cfntools/cfn-init-data';
const OLD_BOOT = '/var/lib/cloud/data/cfn-init-data';

function put(root: string, contents: Record<string, string | Uint8Array>): void {
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, content);
  }
}

const naming = (path: string): string => JSON.stringify({ from: path });

describe('the chain', () => {
  it('has the order of the contract', () => {
    expect(localMetadataPaths('RES')).toEqual([OF_RESOURCE, LAST, BOOT, OLD_BOOT]);
    expect(localMetadataPaths(undefined)).toEqual([LAST, BOOT, OLD_BOOT]);
  });

  it.each<[present: string[], resource: string | undefined, expected: string | undefined]>([
    [[OF_RESOURCE, LAST, BOOT, OLD_BOOT], 'RES', OF_RESOURCE],
    [[OF_RESOURCE, LAST, BOOT, OLD_BOOT], undefined, LAST],
    [[OF_RESOURCE, LAST, BOOT, OLD_BOOT], 'OTHER', LAST],
    [[LAST, BOOT, OLD_BOOT], 'RES', LAST],
    [[BOOT, OLD_BOOT], 'RES', BOOT],
    [[OLD_BOOT], undefined, OLD_BOOT],
    [[OF_RESOURCE], undefined, undefined],
    [[], 'RES', undefined],
  ])('of %j for %s takes %s', (present, resource, expected) => {
    const { root, files } = temporaryRoot();
    put(root, Object.fromEntries(present.map((path) => [path, naming(path)])));
    const { found, broken } = readLocalMetadata(files, resource);
    expect(broken).toEqual([]);
    expect(found?.path).toBe(expected);
    expect(found?.document).toEqual(
      expected === undefined ? undefined : { value: { from: expected }, text: naming(expected) },
    );
  });

  it.each<[name: string, content: string | Uint8Array]>([
    ['empty', ''],
    ['cut', '{"a": '],
    ['not JSON', '<html>'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['nested without end', '['.repeat(100_000)],
  ])('a file that is %s is named and passed over', (_name, content) => {
    const { root, files } = temporaryRoot();
    put(root, { [LAST]: content, [BOOT]: naming(BOOT) });
    const { found, broken } = readLocalMetadata(files, undefined);
    expect(found?.path).toBe(BOOT);
    expect(broken).toEqual([expect.stringContaining(LAST)]);
    expect(broken[0]).not.toContain('\n');
  });

  it('every broken file is named', () => {
    const { root, files } = temporaryRoot();
    put(root, { [LAST]: '{', [BOOT]: '', [OLD_BOOT]: 'x' });
    mkdirSync(root + OF_RESOURCE);
    const { found, broken } = readLocalMetadata(files, 'RES');
    expect(found).toBeUndefined();
    expect(broken).toEqual(
      [OF_RESOURCE, LAST, BOOT, OLD_BOOT].map((path) => expect.stringMatching(new RegExp(`: ${path}(:|$)`))),
    );
  });

  it('a link to nowhere is not there', () => {
    const { root, files } = temporaryRoot();
    put(root, { [BOOT]: naming(BOOT) });
    mkdirSync(root + CACHE, { recursive: true });
    symlinkSync('/nowhere', root + LAST);
    expect(readLocalMetadata(files, undefined)).toMatchObject({ found: { path: BOOT }, broken: [] });
  });

  it('knows when the file was written', () => {
    const { root, files } = temporaryRoot();
    put(root, { [LAST]: '{}' });
    const written = new Date('2025-01-02T03:04:05Z');
    utimesSync(root + LAST, written, written);
    expect(readLocalMetadata(files, undefined).found?.written).toEqual(written);
  });
});

describe('parseDocument', () => {
  it('keeps the text', () => {
    const text = '{"b": 1.0, "1": "ü"}\n';
    expect(parseDocument(Buffer.from(text), 'x')).toEqual({ value: { b: 1, 1: 'ü' }, text });
  });

  it.each(['', '{', 'x', '\u00ff'])('names where a bad one came from: %j', (text) => {
    let problem: unknown;
    try {
      parseDocument(Buffer.from(text, 'latin1'), 'stdin');
    } catch (error) {
      problem = error;
    }
    expect(problem).toBeInstanceOf(Problem);
    expect((problem as Problem).line).toContain('stdin');
    expect((problem as Problem).exitCode).toBe(1);
  });
});

describe('publishMetadata', () => {
  const text = '{"a": 1.0}\n';
  const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

  it.each<[resource: string | undefined, paths: string[]]>([
    [undefined, [LAST]],
    ['RES', [LAST, OF_RESOURCE]],
  ])('for %s writes %j', (resource, paths) => {
    const { root, files } = temporaryRoot();
    publishMetadata(files, text, resource, us);
    expect(files.names(CACHE).map((name) => `${CACHE}/${name}`)).toEqual([...paths].sort());
    for (const path of paths) {
      expect(readFileSync(root + path, 'utf8')).toBe(text);
      expect(mode(root + path)).toBe('600');
    }
    expect(mode(root + CACHE)).toBe('700');
  });

  it('does not rewrite what is the same', () => {
    const { root, files } = temporaryRoot();
    publishMetadata(files, text, 'RES', us);
    const long = new Date('2020-01-01T00:00:00Z');
    for (const path of [LAST, OF_RESOURCE]) utimesSync(root + path, long, long);
    const before = statSync(root + LAST).ino;
    publishMetadata(files, text, 'RES', us);
    expect(statSync(root + LAST)).toMatchObject({ mtime: long, ino: before });
    expect(statSync(root + OF_RESOURCE).mtime).toEqual(long);
  });

  it('replaces what differs', () => {
    const { root, files } = temporaryRoot();
    publishMetadata(files, text, 'RES', us);
    publishMetadata(files, '{"a": 2.0}\n', undefined, us);
    expect(readFileSync(root + LAST, 'utf8')).toBe('{"a": 2.0}\n');
    expect(readFileSync(root + OF_RESOURCE, 'utf8')).toBe(text);
  });

  it('takes the right to read away from others', () => {
    const { root, files } = temporaryRoot();
    publishMetadata(files, text, undefined, us);
    chmodSync(root + LAST, 0o644);
    publishMetadata(files, text, undefined, us);
    expect(mode(root + LAST)).toBe('600');
  });

  it('replaces a link instead of writing through it', () => {
    const { root, files } = temporaryRoot();
    put(root, { '/etc/precious': 'mine', [`${CACHE}/x`]: '' });
    symlinkSync('/etc/precious', root + LAST);
    publishMetadata(files, text, undefined, us);
    expect(readFileSync(`${root}/etc/precious`, 'utf8')).toBe('mine');
    expect(files.entry(LAST)?.kind).toBe('file');
  });
});
