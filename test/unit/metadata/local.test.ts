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
    const { found, broken } = readLocalMetadata(files, resource, new Date());
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
    const { found, broken } = readLocalMetadata(files, undefined, new Date());
    expect(found?.path).toBe(BOOT);
    expect(broken).toEqual([expect.stringContaining(LAST)]);
    expect(broken[0]).not.toContain('\n');
  });

  it('every broken file is named', () => {
    const { root, files } = temporaryRoot();
    put(root, { [LAST]: '{', [BOOT]: '', [OLD_BOOT]: 'x' });
    mkdirSync(root + OF_RESOURCE);
    const { found, broken } = readLocalMetadata(files, 'RES', new Date());
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
    expect(readLocalMetadata(files, undefined, new Date())).toMatchObject({ found: { path: BOOT }, broken: [] });
  });

  it('knows when the file was written', () => {
    const { root, files } = temporaryRoot();
    put(root, { [LAST]: '{}' });
    const written = new Date('2025-01-02T03:04:05Z');
    utimesSync(root + LAST, written, written);
    expect(readLocalMetadata(files, undefined, new Date()).found?.written).toEqual(written);
  });
});

describe('an image of a running guest', () => {
  const INSTANCE = '/var/lib/cloud/data/instance-id';
  const THIS = 'ba14d706-9a70-46fb-af0b-c9a81b2a2425';
  const OTHER = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
  const DAY = 86_400_000;
  const now = new Date();
  const guest = () => {
    const { root, files } = temporaryRoot();
    const age = (path: string, days: number): void => {
      const time = new Date(now.getTime() - days * DAY);
      utimesSync(root + path, time, time);
    };
    return { root, files, age };
  };
  const chosen = (files: ReturnType<typeof guest>['files'], resource?: string) => {
    const { found, foreign, broken } = readLocalMetadata(files, resource, now);
    return { path: found?.path, foreign, broken };
  };

  it.each<[what: string, ages: Record<string, number>, path: string, ignored: string[]]>([
    ['the copies are old', { [OF_RESOURCE]: 30, [LAST]: 30, [BOOT]: 0 }, BOOT, [OF_RESOURCE, LAST]],
    ['in the older layout', { [LAST]: 30, [OLD_BOOT]: 0 }, OLD_BOOT, [LAST]],
    ['only one copy is old', { [OF_RESOURCE]: 30, [LAST]: 0, [BOOT]: 1 }, LAST, [OF_RESOURCE]],
    ['the clock was not set at that boot', { [LAST]: 365 * 50, [BOOT]: 0 }, BOOT, [LAST]],
    ['an update since the boot', { [OF_RESOURCE]: 1, [BOOT]: 30 }, OF_RESOURCE, []],
    ['of the same boot', { [LAST]: 1 + 2 / 86_400, [BOOT]: 1 }, LAST, []],
    ['the clock was ahead at this boot', { [LAST]: 30, [BOOT]: -1 }, LAST, []],
    ['the clock was not set at this boot', { [LAST]: 30, [BOOT]: 365 * 50 }, LAST, []],
    ['nothing to compare with', { [OF_RESOURCE]: 30, [LAST]: 1 }, OF_RESOURCE, []],
  ])('with copies that nobody noted: %s', (_, ages, path, ignored) => {
    const { root, files, age } = guest();
    for (const [name, days] of Object.entries(ages)) {
      put(root, { [name]: naming(name) });
      age(name, days);
    }
    const foreign = ignored.map((name) => expect.stringMatching(`^${name} is older than \\S+/cfn-init-data$`));
    expect(chosen(files, 'RES')).toEqual({ path, foreign, broken: [] });
  });

  it('what is too old is used where the newer cannot be', () => {
    const { root, files, age } = guest();
    put(root, { [LAST]: naming(LAST), [BOOT]: '{' });
    age(LAST, 30);
    expect(chosen(files)).toEqual({ path: LAST, foreign: [], broken: [expect.stringContaining(BOOT)] });
  });

  it('a copy that this instance noted is the newest, though cloud-init wrote again since', () => {
    const { root, files, age } = guest();
    put(root, { [INSTANCE]: `${THIS}\n` });
    publishMetadata(files, naming(LAST), 'RES', us);
    for (const path of [LAST, OF_RESOURCE]) age(path, 30);
    publishMetadata(files, naming(LAST), 'RES', us);
    put(root, { [BOOT]: naming(BOOT) });
    expect(chosen(files, 'RES')).toEqual({ path: OF_RESOURCE, foreign: [], broken: [] });
  });

  it('a copy that another instance noted is ignored, whatever its age, until this one has written it', () => {
    const { root, files, age } = guest();
    put(root, { [INSTANCE]: OTHER, [BOOT]: naming('old') });
    publishMetadata(files, naming(LAST), 'RES', us);
    put(root, { [INSTANCE]: THIS, [BOOT]: naming(BOOT) });
    age(BOOT, 1);
    const foreign = [OF_RESOURCE, LAST].map((path) => `${path} is of another instance, ${OTHER}`);
    expect(chosen(files, 'RES')).toEqual({ path: BOOT, foreign, broken: [] });
    publishMetadata(files, naming(BOOT), 'RES', us);
    expect(chosen(files, 'RES')).toEqual({ path: OF_RESOURCE, foreign: [], broken: [] });
  });

  it('what cloud-init brought to another instance is ignored, too, though this one has published since', () => {
    const { root, files } = guest();
    put(root, { [INSTANCE]: OTHER, [BOOT]: naming(BOOT) });
    publishMetadata(files, naming(LAST), undefined, us);
    put(root, { [INSTANCE]: THIS });
    const all = [LAST, BOOT].map((path) => `${path} is of another instance, ${OTHER}`);
    expect(chosen(files)).toEqual({ path: undefined, foreign: all, broken: [] });
    publishMetadata(files, naming(OF_RESOURCE), 'RES', us);
    put(root, { [LAST]: '{' });
    expect(chosen(files)).toEqual({ path: undefined, foreign: all.slice(1), broken: [expect.stringContaining(LAST)] });
  });

  it('a copy that another agent has written since is not that of the other instance', () => {
    const { root, files, age } = guest();
    put(root, { [INSTANCE]: OTHER });
    publishMetadata(files, naming(LAST), undefined, us);
    age(LAST, 30);
    publishMetadata(files, naming(LAST), undefined, us);
    put(root, { [INSTANCE]: THIS, [LAST]: naming(LAST) });
    expect(chosen(files)).toEqual({ path: LAST, foreign: [], broken: [] });
  });

  it.each(['', '[]', '{"x": 1}', `{"${LAST}": {"instance": 1, "written": 2}}`])(
    'notes such as %j say nothing',
    (text) => {
      const { root, files } = guest();
      put(root, { [INSTANCE]: THIS, [LAST]: naming(LAST), [`${CACHE}/written-by.json`]: text });
      expect(chosen(files)).toEqual({ path: LAST, foreign: [], broken: [] });
      publishMetadata(files, naming(LAST), undefined, us);
      expect(JSON.parse(readFileSync(`${root}${CACHE}/written-by.json`, 'utf8'))).toMatchObject({
        [LAST]: { instance: THIS },
      });
    },
  );
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
