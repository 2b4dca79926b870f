import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { makeCertificates } from '../support/certificates.ts';
import { described, KEY, type Replay, SECRET, useHeatReplay } from '../support/heat-replay.ts';
import { startServer, type TestServer } from '../support/http-server.ts';
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
    put('/other.pem', certificates.selfSigned.cert);
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

  test.each(['/nowhere.pem', '/etc/hostname'])('one that names no certificate is told of, twice: %s', async (path) => {
    const heat = await replay(FOUND, { tls: certificates.signed });
    const { from, stderr } = await get(heat, `ca_certificates_file = ${path}`);
    expect({ from, stderr }).toEqual({
      from: 'the boot',
      stderr: expect.stringMatching(
        new RegExp(
          `^[^\\n]*(ca_certificates_file cannot be used: [^\\n]*${path}).*: it is ignored\\n[^\\n]*no answer.*\\1`,
        ),
      ),
    });
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

describe('signals to and downloads from Heat’s host', () => {
  const HANDLE = '/v1/waitcondition/a%3Ab?Signature=x';
  const named = (host: string): string => `cfn_region_endpoint = ${host}\n`;

  async function both(url: string, settings: string, env: Readonly<Record<string, string>> = {}, args: string[] = []) {
    put(`${BOOT}/cfn-boto-cfg`, `[Boto]\n${settings}`);
    const options = { env: { PATH: '/usr/bin:/bin', ...env } };
    const metadata = { 'AWS::CloudFormation::Init': { config: { files: { '/srv/got': { source: `${url}/file` } } } } };
    put('/srv/metadata.json', JSON.stringify(metadata));
    const signal = await machine().run([binary('cfn-signal'), '-i', 'me', ...args, url + HANDLE], options);
    const init = await machine().run([binary('cfn-init'), ...args, '/srv/metadata.json'], options);
    return { codes: [signal.code, init.code], said: signal.stderr + init.stderr };
  }
  const serve = async (tls: 'signed' | 'selfSigned') => {
    const server = await startServer((request) => ({ status: 200, body: request.target }), certificates[tls]);
    servers.push(server);
    return server;
  };
  const servers: TestServer[] = [];
  afterAll(async () => {
    for (const server of servers) await server.close();
  });
  beforeEach(async () => {
    await machine().run('rm -f /srv/got');
  });

  test('ca_certificates_file counts, on any port', async () => {
    const { url } = await serve('signed');
    const settings = `${named('127.0.0.1:8000')}ca_certificates_file = ${certificates.caFile}`;
    expect(await both(url, settings)).toEqual({ codes: [0, 0], said: '' });
    expect(machine().read('/srv/got')).toBe('/file');
  });

  test('the host of cfn-metadata-server is Heat’s as well', async () => {
    const { url } = await serve('signed');
    put(`${BOOT}/cfn-metadata-server`, 'http://127.0.0.1:8000/v1/');
    const settings = `${named('heat.example.test')}ca_certificates_file = ${certificates.caFile}`;
    expect(await both(url, settings)).toEqual({ codes: [0, 0], said: '' });
    await machine().run(`rm ${BOOT}/cfn-metadata-server`);
  });

  test('https_validate_certificates counts', async () => {
    const { url } = await serve('selfSigned');
    const settings = `${named('127.0.0.1')}https_validate_certificates = 0`;
    expect(await both(url, settings)).toEqual({ codes: [0, 0], said: '' });
  });

  test('neither counts for another host', async () => {
    const { url } = await serve('selfSigned');
    const settings = `${named('heat.example.test')}https_validate_certificates = 0\nca_certificates_file = ${certificates.caFile}`;
    const { codes, said } = await both(url, settings);
    expect(codes).toEqual([1, 1]);
    expect(said).toMatch(/cfn-signal: no answer: .*self-signed.*\n.*self-signed/s);
  });

  test('where no host is named, a signal goes to Heat’s', async () => {
    const { url } = await serve('selfSigned');
    expect((await both(url, 'https_validate_certificates = 0')).codes).toEqual([0, 1]);
  });

  test('a file without a certificate is told of', async () => {
    const { url } = await serve('signed');
    const { codes, said } = await both(url, `${named('127.0.0.1')}ca_certificates_file = /nowhere.pem`);
    expect(codes).toEqual([1, 1]);
    expect(said).toMatch(
      /cfn-signal: [^\n]*\/nowhere.pem[^\n]*it is ignored\ncfn-signal: no answer[^\n]*CA[^\n]*\/nowhere.pem/,
    );
    expect(said).toMatch(/cfn-init: [^\n]*CA[^\n]*\/nowhere.pem/);
  });

  test('the proxy counts, behind the environment and the command line', async () => {
    const proxy = await startServer((request) => ({ status: 200, body: request.target }));
    const other = await startServer({ status: 200 });
    servers.push(proxy, other);
    const url = 'http://heat.example.test:8000';
    const settings = `${named('heat.example.test')}proxy = 127.0.0.1\nproxy_port = ${proxy.port}\nproxy_user = me\nproxy_pass = s3cret/@`;
    expect(await both(url, settings)).toEqual({ codes: [0, 0], said: '' });
    const login = `Basic ${Buffer.from('me:s3cret/@').toString('base64')}`;
    expect(proxy.requests.map(({ target, headers }) => [target, headers['proxy-authorization']])).toEqual([
      [url + HANDLE, login],
      [`${url}/file`, login],
    ]);
    await machine().run('rm -f /srv/got');
    expect((await both(url, settings, { http_proxy: other.url })).codes).toEqual([0, 0]);
    await machine().run('rm -f /srv/got');
    const args = ['--http-proxy', other.url];
    expect((await both(url, settings, { http_proxy: 'http://127.0.0.1:9' }, args)).codes).toEqual([0, 0]);
    expect({ proxy: proxy.requests.length, other: other.requests.length }).toEqual({ proxy: 2, other: 4 });
  });
});

test.each(['ftp://h', 'socks4://h', 'http://h:99999'])('a proxy that cannot be one is told of: %s', async (proxy) => {
  const options = [
    '-s',
    's1',
    '-r',
    'r',
    '--access-key',
    KEY,
    '--secret-key',
    SECRET,
    '-u',
    'http://heat.example.test/',
  ];
  const env = { PATH: '/usr/bin:/bin' };
  for (const name of ['cfn-get-metadata', 'cfn-init']) {
    const byVariable = await machine().run([binary(name), ...options], { env: { ...env, all_proxy: proxy } });
    expect(byVariable).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cfn-[a-z-]+: [^\n]*: all_proxy: [^\n]*\n$/),
    });
  }
  const byOption = await machine().run([binary('cfn-init'), '--https-proxy', proxy, '/nowhere'], { env });
  expect(byOption).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^cfn-init: [^\n]*: --https-proxy: [^\n]*\n$/),
  });
});
