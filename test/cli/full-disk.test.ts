import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, complaints, metadata, summary } from '../support/cfn-init.ts';
import { startServer, type TestServer } from '../support/http-server.ts';
import { measuredRun } from '../support/measured-run.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

// A disk that is full before all of an archive is there.
const view = useSandbox({ network: 'shared' });
const FULL = 'cannot unpack: /mnt/app: no space left on the device';

beforeAll(async () => {
  if (!isRoot) return;
  const { code, stderr } = await view().run(`mount -t tmpfs -o size=1m tmpfs /mnt && cd /tmp &&
    head -c 1900000 /dev/urandom >big && tar -czf big.tgz big`);
  if (code !== 0) throw new Error(stderr);
});

/** The environment without the proxies of whoever runs the tests. */
const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
const unpack = (url: string, args: readonly string[] = []) =>
  cfnInit(view(), { sources: { '/mnt/app': url }, commands: { a: { command: 'true' } } }, args, { env });
const left = async (): Promise<string> => (await view().run('ls -A /mnt')).stdout;

describe('an archive that does not fit', () => {
  test('a local one: one line that names the place, a failed step, and nothing is left', async () => {
    const result = await unpack('/tmp/big.tgz');
    expect({ code: result.code, says: complaints(result), summary: summary(result) }).toEqual({
      code: 1,
      says: [`cfn-init: ${FULL}`],
      summary: '1 failed, 1 not run',
    });
    expect(await left()).toBe('');
  });

  test('a local one of more than 2 GiB, which is not read into memory first', async () => {
    await view().run('truncate -s 3G /tmp/huge.tar');
    const input = metadata({ sources: { '/mnt/app': '/tmp/huge.tar' } });
    const result = await measuredRun(view(), [binary('cfn-init'), '-'], { env, input });
    expect({ code: result.code, says: complaints(result) }).toEqual({ code: 1, says: [`cfn-init: ${FULL}`] });
    expect(result.peakMegabytes).toBeLessThan(180);
  });

  test('one of a web server', async () => {
    let server: TestServer | undefined;
    try {
      server = await startServer({ status: 200, body: Buffer.alloc(1_900_000, 'x') });
      const result = await unpack(`${server.url}/big.tgz`);
      expect({ code: result.code, says: complaints(result), asked: server.requests.length }).toEqual({
        code: 1,
        says: [`cfn-init: ${FULL}`],
        asked: 1,
      });
      expect(await left()).toBe('');
    } finally {
      await server?.close();
    }
  });

  test.each([2, 3, 4, 5])('on a file system with %i inodes nothing is left', async (inodes) => {
    await view().run(
      `mkdir -p /few && mount -t tmpfs -o nr_inodes=${inodes} tmpfs /few && tar -czf /tmp/a.tgz -C /tmp big`,
    );
    const { code } = await cfnInit(view(), { sources: { '/few/app': '/tmp/a.tgz' } }, [], { env });
    expect({ code, left: (await view().run('ls -A /few')).stdout }).toEqual({ code: 1, left: '' });
    await view().run('umount /few');
  });

  test('under --compat heat it is a warning, and the run goes on', async () => {
    const result = await unpack('/tmp/big.tgz', ['--compat', 'heat']);
    expect({ code: result.code, says: complaints(result), summary: summary(result) }).toEqual({
      code: 0,
      says: [`cfn-init: warning: ${FULL}: continuing, as heat-cfntools did`],
      summary: '1 changed, 1 failed',
    });
  });
});
