import { afterEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { BOOT, CACHE, METADATA, result, useHeatGuest } from '../support/heat-guest.ts';
import { type Answer, startServer, type TestServer } from '../support/http-server.ts';
import { tokenBody } from '../support/keystone-token.ts';

const { machine, put, get, init } = useHeatGuest();
const SECRET = 's3cret-of-the-application';
const FILE = '/root/credentials';
const PLACE = '/orchestration/v1/p';

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/**
 * Keystone and Heat below paths of one address, as in a cloud without ports.
 * @param refused tokens that Heat no longer takes
 */
async function cloud(
  answers: Readonly<Record<string, Answer>> = {},
  refused: ReadonlySet<unknown> = new Set(),
): Promise<TestServer> {
  let tokens = 0;
  const server = await startServer(({ method, target, headers }) => {
    const asked = `${method} ${target}`;
    const given = answers[asked];
    if (given !== undefined) return given;
    if (refused.has(headers['x-auth-token'])) return { status: 401 };
    const base = `http://${headers.host}`;
    switch (asked) {
      case 'POST /identity/v3/auth/tokens': {
        const endpoint = { interface: 'public', region_id: 'One', url: base + PLACE };
        return {
          status: 201,
          headers: { 'X-Subject-Token': `t0ken-${++tokens}` },
          body: tokenBody({ orchestration: [endpoint] }),
        };
      }
      case `GET ${PLACE}/stacks/s1`:
        return { status: 302, headers: { Location: `${base}${PLACE}/stacks/s1/4711` } };
      case `GET ${PLACE}/stacks/s1/4711/resources/my%20server/metadata`:
        return { status: 200, body: `{"metadata": ${METADATA}}` };
      default:
        return { status: 404, body: '{"error": {"message": "no such thing"}}' };
    }
  });
  servers.push(server);
  return server;
}

const openrc = (server: TestServer): string =>
  `export OS_AUTH_URL=${server.url}/identity/v3\nexport OS_APPLICATION_CREDENTIAL_ID=id\nexport OS_APPLICATION_CREDENTIAL_SECRET="${SECRET}"\n`;
const OF = ['-s', 's1', '-r', 'my server', '--credential-file', FILE];

test('an openrc file: the metadata as it is written, published under the name of the resource', async () => {
  const server = await cloud();
  put(FILE, openrc(server));
  expect(result(await get(OF))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
  expect(machine().read(`${CACHE}/last_metadata_my%20server`)).toBe(METADATA);
  expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
    'POST /identity/v3/auth/tokens',
    `GET ${PLACE}/stacks/s1`,
    `GET ${PLACE}/stacks/s1/4711/resources/my%20server/metadata`,
  ]);
});

test('cfn-init applies it, and keeps the secret to itself', async () => {
  put(FILE, openrc(await cloud()));
  const { code, stdout, stderr } = await init(['-v', ...OF]);
  expect(code).toBe(0);
  expect(machine().read('/ran')).toBe('ran\n');
  const log = machine().read('/var/log/cfn-init.log');
  expect(log).toContain('metadata of my server from ');
  expect(`${stdout}${stderr}${log}`).not.toMatch(new RegExp(`${SECRET}|t0ken`));
});

test('the environment, behind that of AWS', async () => {
  const server = await cloud();
  const env = {
    ...{ PATH: '/usr/bin:/bin', HOME: '/root', OS_AUTH_URL: `${server.url}/identity` },
    ...{ OS_USER_ID: 'u', OS_PASSWORD: SECRET, OS_PROJECT_ID: 'p' },
  };
  expect(result(await get(OF.slice(0, 4), { env }))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
  const both = { ...env, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  await get([...OF.slice(0, 4), '--url', `${server.url}/v1/`], { env: both });
  expect(server.requests.at(-1)?.target).toMatch(/^\/v1\/\?/);
});

test('half of an environment is ignored with a warning', async () => {
  const env = { PATH: '/usr/bin:/bin', HOME: '/root', OS_AUTH_URL: 'http://127.0.0.1:9', OS_PASSWORD: SECRET };
  put(`${BOOT}/cfn-init-data`, METADATA);
  const { code, stderr } = await get(OF.slice(0, 4), { env });
  expect(code).toBe(0);
  expect(stderr).toContain(
    'warning: OS_AUTH_URL is ignored: no OS_USERNAME and no OS_USER_ID in the environment: add it\n',
  );
});

test('a daemon of cfn-hup keeps its token, and asks for another one when that is refused', async () => {
  const refused = new Set<string>();
  const server = await cloud({}, refused);
  put(FILE, openrc(server));
  put('/etc/cfn/cfn-hup.conf', `[main]\nstack=s1\ncredential-file=${FILE}\ninterval=1s\n`);
  put('/etc/cfn/hooks.d/h.conf', '[h]\ntriggers=post.update\npath=Resources.my server.Metadata\naction=true\n');
  const start = `setsid '${binary('cfn-hup')}' --daemon </dev/null >/run/daemon.out 2>&1 & echo $!; disown`;
  const { stdout: pid } = await machine().run(['bash', '-c', start]);
  const polls = (token: string): number =>
    server.requests.filter(({ target, headers }) => /metadata$/.test(target) && headers['x-auth-token'] === token)
      .length;
  try {
    await expect.poll(() => polls('t0ken-1'), { timeout: 20_000 }).toBeGreaterThan(2);
    expect(server.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
    refused.add('t0ken-1');
    await expect.poll(() => polls('t0ken-2'), { timeout: 20_000 }).toBeGreaterThan(1);
  } finally {
    await machine().run(`kill ${pid.trim()}; while kill -0 ${pid.trim()} 2>/dev/null; do sleep 0.05; done`);
  }
  expect(machine().read('/var/log/cfn-hup.log')).not.toMatch(/warning|error|t0ken/i);
});

test('a hook of cfn-hup on what Heat no longer shows is left alone', async () => {
  const shown = `GET ${PLACE}/stacks/s1/4711/resources/my%20server`;
  const answers: Record<string, Answer> = {
    [shown]: { status: 200, body: '{"resource": {"physical_resource_id": "i"}}' },
  };
  put(FILE, openrc(await cloud(answers)));
  put('/etc/cfn/cfn-hup.conf', `[main]\nstack=s1\ncredential-file=${FILE}\n`);
  const hook =
    'triggers=post.add,post.remove\npath=Resources.my server.PhysicalResourceId\naction=echo acted >>/acted\n';
  put('/etc/cfn/hooks.d/h.conf', `[h]\n${hook}`);
  const pass = async () => {
    const { code, stderr } = await machine().run([
      'env',
      '-i',
      'PATH=/usr/bin:/bin',
      'HOME=/root',
      binary('cfn-hup'),
      '-f',
    ]);
    return { code, stderr, acted: machine().read('/acted') };
  };
  expect(await pass()).toEqual({ code: 0, stderr: '', acted: 'acted\n' });
  for (const status of [403, 503]) {
    answers[shown] = { status };
    expect(await pass()).toEqual({ code: 0, stderr: '', acted: 'acted\n' });
  }
  expect(machine().read('/var/log/cfn-hup.log')).toContain(
    'with these credentials heat shows only the metadata of my server: hooks not run: h\n',
  );
});

describe('trouble: one line, without secrets', () => {
  test.each<[name: string, answers: Readonly<Record<string, Answer>>, says: RegExp]>([
    ['keystone refuses', { 'POST /identity/v3/auth/tokens': { status: 401 } }, /keystone refused with HTTP 401/],
    [
      'keystone is a web page',
      { 'POST /identity/v3/auth/tokens': { status: 200, body: '<html>' } },
      /keystone gave an answer that cannot be used/,
    ],
    [
      'no such stack',
      { [`GET ${PLACE}/stacks/s1`]: { status: 404 } },
      /heat refused with HTTP 404: .*: check --stack and --resource/,
    ],
    [
      'a redirect to another host',
      { [`GET ${PLACE}/stacks/s1`]: { status: 302, headers: { Location: 'http://192.0.2.1/stacks/s1/4711' } } },
      /heat redirects to another host: .*: the token is not sent to 192\.0\.2\.1/,
    ],
  ])('%s', async (_, answers, says) => {
    put(FILE, openrc(await cloud(answers)));
    put(`${BOOT}/cfn-init-data`, METADATA);
    const { code, stdout, stderr } = await get(OF);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^cfn-get-metadata: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain(SECRET);
  });

  test('keystone does not answer: older metadata', async () => {
    put(FILE, openrc(await cloud({ 'POST /identity/v3/auth/tokens': 'reset' })));
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 0\n');
    put(`${BOOT}/cfn-init-data`, METADATA);
    const { code, stdout, stderr } = await get(OF);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${METADATA}\n` });
    expect(stderr).toMatch(/warning: no answer: [^\n]*: using \/var\/lib\/heat-cfntools\/cfn-init-data/);
  });
});
