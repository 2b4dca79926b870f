import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { makeCertificates } from '../support/certificates.ts';
import { described, KEY, type Replay, SECRET, useHeatReplay } from '../support/heat-replay.ts';
import { startServer } from '../support/http-server.ts';
import { useSandbox } from '../support/use-machine.ts';

const BOOT = '/var/lib/heat-cfntools';
const FOUND = { 's1/r': described('{"from": "heat"}') };

const machine = useSandbox({ network: 'shared' }, ['openssl']);
const replay = useHeatReplay();
let certificates: ReturnType<typeof makeCertificates>;

beforeAll(() => {
  certificates = makeCertificates(machine().shared);
});
beforeEach(async () => {
  await machine().run(`rm -rf /var/cache/heat-cfntools; mkdir -p ${BOOT}`);
  put(`${BOOT}/cfn-init-data`, '{"from": "the boot"}');
});

function put(path: string, content: string): void {
  mkdirSync(dirname(machine().path(path)), { recursive: true });
  writeFileSync(machine().path(path), content);
}

async function get(heat: Replay, settings: string, env: Readonly<Record<string, string>> = {}) {
  put(`${BOOT}/cfn-boto-cfg`, `[Boto]\nnum_retries = 3\n${settings}`);
  const options = ['-s', 's1', '-r', 'r', '--access-key', KEY, '--secret-key', SECRET, '-u', heat.base];
  const { code, stdout, stderr } = await machine().run([binary('cfn-get-metadata'), ...options], {
    env: { PATH: '/usr/bin:/bin', ...env },
  });
  return { code, from: (JSON.parse(stdout) as { from: string }).from, stderr };
}

describe('certificates', () => {
  test('a self-signed one is no answer, at once; the hint names the setting', async () => {
    const heat = await replay(FOUND, { tls: certificates.selfSigned });
    expect(await get(heat, '')).toEqual({
      code: 0,
      from: 'the boot',
      stderr: expect.stringMatching(/self-signed.*https_validate_certificates = 0.*: using \/var\/lib[^\n]*\n$/),
    });
    expect(heat.requests).toEqual([]);
  });

  test('https_validate_certificates = 0 accepts it', async () => {
    const heat = await replay(FOUND, { tls: certificates.selfSigned });
    expect(await get(heat, 'https_validate_certificates = 0')).toEqual({ code: 0, from: 'heat', stderr: '' });
  });

  test('ca_certificates_file is trusted besides the machine’s own', async () => {
    const heat = await replay(FOUND, { tls: certificates.signed });
    expect((await get(heat, '')).stderr).toContain('an unknown CA');
    const settings = `ca_certificates_file = ${certificates.caFile}`;
    expect(await get(heat, settings)).toEqual({ code: 0, from: 'heat', stderr: '' });
    put('/other.pem', '');
    expect(await get(heat, 'ca_certificates_file = /other.pem', { SSL_CERT_FILE: certificates.caFile })).toEqual({
      code: 0,
      from: 'heat',
      stderr: '',
    });
  });

  test('and also where the machine has none', async () => {
    const heat = await replay(FOUND, { tls: certificates.signed });
    await machine().run('mkdir -p /saved; mv /etc/ssl/certs/ca-certificates.crt /etc/pki /saved/ 2>/dev/null');
    expect(await get(heat, `ca_certificates_file = ${certificates.caFile}`)).toEqual({
      code: 0,
      from: 'heat',
      stderr: '',
    });
  });

  test('one that cannot be read is warned about', async () => {
    const heat = await replay(FOUND, { tls: certificates.signed });
    const { from, stderr } = await get(heat, 'ca_certificates_file = /nowhere.pem');
    expect({ from, stderr }).toEqual({ from: 'the boot', stderr: expect.stringContaining('/nowhere.pem') });
  });
});

test('through a proxy of cfn-boto-cfg by CONNECT', async () => {
  const heat = await replay(FOUND, { tls: certificates.signed });
  const proxy = await startServer({ status: 500 });
  const settings = `ca_certificates_file = ${certificates.caFile}\nproxy = 127.0.0.1\nproxy_port = ${proxy.port}`;
  expect(await get(heat, settings)).toEqual({ code: 0, from: 'heat', stderr: '' });
  expect(proxy.tunnels).toEqual([`127.0.0.1:${heat.port}`]);
  await proxy.close();
});
