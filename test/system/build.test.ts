import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { closeGap } from '../../scripts/lib/elf-gap.ts';
import { fillInPlace } from '../../scripts/lib/pack.ts';
import { keepSnapshotHashes } from '../../scripts/lib/snapshot-hashes.ts';
import { commands } from '../../src/commands/index.ts';
import type { PackedIndex } from '../../src/packed.ts';
import { isRoot } from '../support/use-machine.ts';

const project = join(import.meta.dirname, '../..');
const elsewhere = mkdtempSync(join(tmpdir(), 'cfntools-build-'));
afterAll(() => rmSync(elsewhere, { recursive: true, force: true }));

const NOBODY = '65534:65534';
/** Another user, who may read wherever the project lies. */
const asNobody = [
  'setpriv',
  ...['--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'],
] as const;
const checksum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('scripts/build', () => {
  // Of the machine that builds, nothing may get into the binary.
  it('makes the same bytes in another directory, for another user, with other settings', () => {
    for (const part of ['src', 'scripts', 'package.json', 'tsconfig.json'])
      cpSync(join(project, part), join(elsewhere, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(elsewhere, 'node_modules'));
    const env = { ...process.env, HOME: '/nowhere', TZ: 'Asia/Tokyo', LC_ALL: 'C', http_proxy: 'http://127.0.0.1:9' };
    if (isRoot) execFileSync('chown', ['-R', NOBODY, elsewhere]);
    const [program, ...args] = [...(isRoot ? asNobody : []), process.execPath, join(elsewhere, 'scripts/lib/build.ts')];
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env, timeout: 120_000 });
    expect(checksum(join(elsewhere, 'dist/linux-x64/cfntools'))).toBe(
      checksum(join(project, 'dist/linux-x64/cfntools')),
    );
  });

  it.each(commands.map(({ name }) => name))('leaves the link %s beside the binary', (name) => {
    expect(readlinkSync(join(project, 'dist/linux-x64', name))).toBe('cfntools');
  });
});

describe('the packed files', () => {
  it('lie where the binary says that they do', () => {
    const binary = readFileSync(join(project, 'dist/linux-x64/cfntools'));
    const line = binary.indexOf('{"at":"');
    const { at, files } = JSON.parse(binary.toString('latin1', line, binary.indexOf('\n', line))) as PackedIndex;
    const [offset = 0, length = 0] = files['cfn-hup.cjs'] ?? [];
    const content = binary.subarray(Number(at) + offset, Number(at) + offset + length);
    expect(content.equals(readFileSync(join(project, '.build/cfn-hup.cjs')))).toBe(true);
  });

  const packed = Buffer.from('{"at":"000000000000","files":{}}\nfiles');

  it('are found wherever they are', () => {
    const executable = Buffer.concat([Buffer.alloc(9), packed]);
    fillInPlace(executable, packed);
    expect(executable.toString('latin1', 9)).toBe('{"at":"000000000042","files":{}}\nfiles');
  });

  it.each([
    ['missing', Buffer.from('another file')],
    ['there twice', Buffer.concat([packed, packed])],
  ])('that are %s are a failure of the build', (_, executable) => {
    expect(() => fillInPlace(executable, packed)).toThrow('not there once');
  });
});

describe('the gap that the injection leaves', () => {
  const PAGE = 4096;
  /** A file header, two loaded segments with their contents, and `gap` pages between them; then a section header. */
  const elfWith = (gap: number): Buffer => {
    const end = 512;
    const start = PAGE * (1 + gap);
    const elf = Buffer.alloc(start + PAGE + 64);
    elf.write('\x7fELF\x02\x01', 'latin1');
    elf.writeBigUInt64LE(64n, 32);
    elf.writeBigUInt64LE(BigInt(start + PAGE), 40);
    elf.writeUInt16LE(2, 56);
    elf.writeUInt16LE(1, 60);
    for (const [header, offset, bytes] of [
      [64, 0, end],
      [120, start, PAGE],
    ] as const) {
      elf.writeUInt32LE(1, header);
      elf.writeBigUInt64LE(BigInt(offset), header + 8);
      elf.writeBigUInt64LE(BigInt(bytes), header + 32);
      elf.writeBigUInt64LE(BigInt(PAGE), header + 48);
    }
    elf.fill('old', 300, end);
    elf.fill('added', start, start + PAGE);
    elf.writeUInt32LE(7, start + PAGE + 4);
    elf.writeBigUInt64LE(BigInt(start), start + PAGE + 24);
    elf.writeBigUInt64LE(BigInt(PAGE), start + PAGE + 32);
    return elf;
  };

  it('is closed by whole pages, and everything that points behind it follows', () => {
    expect(closeGap(elfWith(9)).equals(elfWith(0))).toBe(true);
  });

  it('is left where there is none', () => {
    expect(closeGap(elfWith(0)).equals(elfWith(0))).toBe(true);
  });

  it.each([
    ['something lies in it', (elf: Buffer) => elf.writeUInt8(1, 3 * PAGE), 'not empty'],
    ['it is no ELF file', (elf: Buffer) => elf.writeUInt8(0, 1), 'not a 64-bit'],
    ['it is a 32-bit file', (elf: Buffer) => elf.writeUInt8(1, 4), 'not a 64-bit'],
    ['the segments overlap', (elf: Buffer) => elf.writeBigUInt64LE(BigInt(20 * PAGE), 64 + 32), 'overlaps'],
  ])('is refused where %s', (_, change, words) => {
    const elf = elfWith(9);
    change(elf);
    expect(() => closeGap(elf)).toThrow(words);
  });

  it('is gone from the binary', () => {
    const binary = readFileSync(join(project, 'dist/linux-x64/cfntools'));
    expect(closeGap(binary).length).toBe(binary.length);
  });
});

describe('the hashes in the snapshots of V8', () => {
  const VERSION = '13.6.1';
  const REHASHABLE = 1;
  const AS_THEY_ARE = 0;
  /** The head of a snapshot: the number of its contexts, whether hashes may be made anew, two sums, and the version. */
  const headOf = (rehashability: number, version: string): Buffer => {
    const numbers = Buffer.alloc(16, 0xab);
    numbers.writeUInt32LE(rehashability, 4);
    return Buffer.concat([numbers, Buffer.from(`${version}\0`)]);
  };
  /** The version stands elsewhere, too. */
  const nodeWith = (...heads: Buffer[]): Buffer => Buffer.concat([Buffer.from(`V8 ${VERSION}\0`), ...heads]);

  it('are taken as they are', () => {
    const node = nodeWith(headOf(REHASHABLE, VERSION), headOf(REHASHABLE, VERSION));
    keepSnapshotHashes(node, VERSION);
    expect(node.equals(nodeWith(headOf(AS_THEY_ARE, VERSION), headOf(AS_THEY_ARE, VERSION)))).toBe(true);
  });

  it.each([
    ['one snapshot', [headOf(REHASHABLE, VERSION)]],
    ['three snapshots', [headOf(REHASHABLE, VERSION), headOf(REHASHABLE, VERSION), headOf(REHASHABLE, VERSION)]],
    ['another version', [headOf(REHASHABLE, '13.6.12'), headOf(REHASHABLE, VERSION)]],
    ['another head', [headOf(7, VERSION), headOf(REHASHABLE, VERSION)]],
  ])('are a failure of the build where there is %s', (_, heads) => {
    expect(() => keepSnapshotHashes(nodeWith(...heads), VERSION)).toThrow('look up SnapshotImpl');
  });

  it('are taken as they are by the binary', () => {
    const binary = readFileSync(join(project, 'dist/linux-x64/cfntools'));
    const version = process.versions.v8;
    expect(() => keepSnapshotHashes(binary, version)).toThrow(`0 snapshots of V8 ${version}`);
  });
});
