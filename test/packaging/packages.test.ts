import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { project } from '../support/binary.ts';
import { GENTLY, type Packages, packagesFor, unpackedTarball } from '../support/packages.ts';
import { useCopies } from '../support/packages-copy.ts';
import { run } from '../support/process.ts';

const MB = 1e6;
const LONG = 840_000;
const copyOfProject = useCopies();
let packages: Packages;
beforeAll(async () => {
  packages = await packagesFor('x64');
});

const bash = (script: string, cwd = packages.directory) =>
  run(['bash', '--norc', '-euo', 'pipefail', '-c', script], { cwd, timeout: 170_000 });

const timestampOf = ({ sbom }: Packages): string =>
  (JSON.parse(readFileSync(sbom, 'utf8')) as { readonly metadata: { readonly timestamp: string } }).metadata.timestamp;

describe('scripts/package', () => {
  test('makes a deb, an rpm, a tarball, an SBOM and their sums', async () => {
    const { deb, rpm, tarball, sbom, sums } = packages;
    expect([deb, rpm, tarball, sbom, sums].map((path) => basename(path))).toEqual([
      `cfntools_${VERSION}_amd64.deb`,
      `cfntools-${VERSION}-1.x86_64.rpm`,
      `cfntools-${VERSION}-linux-x64.tar.xz`,
      `cfntools-${VERSION}-linux-x64.cdx.json`,
      `cfntools-${VERSION}-linux-x64.sha256`,
    ]);
    const { code, stdout } = await bash(`sha256sum --check --strict ${basename(sums)}`);
    expect([code, stdout.match(/: OK$/gm)?.length]).toEqual([0, 4]);
  });

  test('keeps them small', async () => {
    const { size } = statSync(join(await unpackedTarball(), 'usr/bin/cfntools'));
    expect(size).toBeGreaterThan(50 * MB);
    expect(size).toBeLessThanOrEqual(112 * MB);
    expect(statSync(packages.deb).size).toBeLessThanOrEqual(34 * MB);
    expect(statSync(packages.rpm).size).toBeLessThanOrEqual(34 * MB);
    expect(statSync(packages.tarball).size).toBeLessThanOrEqual(34 * MB);
  });

  test('takes as much room as the README says', async () => {
    const readme = readFileSync(join(project, 'README.md'), 'utf8');
    const [, disk, fetched] = /It takes (\d+) MB on disk and (\d+) MB to fetch/.exec(readme) ?? [];
    const { size } = statSync(join(await unpackedTarball(), 'usr/bin/cfntools'));
    expect([Math.round(size / MB), Math.round(statSync(packages.deb).size / MB)]).toEqual([
      Number(disk),
      Number(fetched),
    ]);
  });

  test('dates and owns every file alike, in the tarball too', async () => {
    const { stdout } = await bash(`TZ=UTC tar --numeric-owner --full-time -tvJf ${basename(packages.tarball)}`);
    const kinds = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    expect(new Set(kinds.map(([, owner]) => owner))).toEqual(new Set(['0/0']));
    const dates = kinds.map(([, , , day, time]) => Date.parse(`${day}T${time}Z`));
    expect([...new Set(dates)]).toEqual([Date.parse(timestampOf(packages))]);
  });

  test('leaves no path of the building machine in what is packed', async () => {
    const { stdout } = await bash(`grep -rlaF '${project}' '${await unpackedTarball()}' || true`);
    expect(stdout).toBe('');
  });

  test('makes the same bytes elsewhere, for somebody with other habits', { timeout: LONG }, async () => {
    const copy = copyOfProject();
    const words = [...GENTLY, 'bash', '--norc', '-c', 'umask 077; scripts/package --output=out'];
    const { code, stdout, stderr } = await run(words, {
      cwd: copy,
      timeout: LONG,
      env: {
        ...(process.env as Record<string, string>),
        SOURCE_DATE_EPOCH: String(Date.parse(timestampOf(packages)) / 1000),
        TZ: 'Asia/Kathmandu',
        LC_ALL: 'C.UTF-8',
        USER: 'somebody',
      },
    });
    expect(code, stderr).toBe(0);
    const sums = readFileSync(packages.sums, 'utf8');
    expect(stdout).toBe(sums);
    expect(readFileSync(join(copy, 'out', basename(packages.sums)), 'utf8')).toBe(sums);
  });

  test.each([
    [['--arch', 'mips'], /no packages for mips: there are x64 and arm64/],
    [['--arch'], /no packages for an empty name/],
    [['--outptu', 'x'], /no option --outptu/],
    [['--output='], /--output needs a directory/],
  ])('refuses %j', async (args, reason) => {
    const { code, stderr } = await run([join(project, 'scripts/package'), ...args]);
    expect([code, reason.test(stderr)], stderr).toEqual([1, true]);
  });
});
