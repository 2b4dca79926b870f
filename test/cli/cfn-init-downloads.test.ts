import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, metadata, summary } from '../support/cfn-init.ts';
import { type Answer, type Answers, startServer, type TestServer, unusedPort } from '../support/http-server.ts';
import { measuredRun } from '../support/measured-run.ts';
import { serveInView, type ViewAnswer, type ViewServer } from '../support/serve-in-view.ts';
import { useMachine, useSandbox } from '../support/use-machine.ts';

const machine = useMachine();
const servers: TestServer[] = [];
let count = 0;

afterAll(async () => {
  for (const server of servers) await server.close();
});

async function serve(answers: Answers | Answer): Promise<TestServer> {
  const server = await startServer(answers);
  servers.push(server);
  return server;
}

function newRoot(): string {
  const root = join(machine().shared, `root-${count++}`);
  mkdirSync(root);
  return root;
}

/** The environment without the proxies of whoever runs the tests. */
const NO_PROXY = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
const fetchTo = (root: string, entry: ConfigDocument, more: object = {}, env: Record<string, string> = NO_PROXY) =>
  cfnInit(machine(), metadata({ files: { '/file': entry } }, more as Record<string, unknown>), ['--root', root], {
    env,
  });
/** Whatever is in the root, hidden files too. */
const contents = (root: string): Record<string, string> =>
  Object.fromEntries(readdirSync(root).map((name) => [name, readFileSync(join(root, name), 'utf8')]));

describe('a file by URL', () => {
  test('is fetched, with its mode; the second run says unchanged', async () => {
    const server = await serve({ status: 200, body: 'from the server\n' });
    const root = newRoot();
    const entry = { source: `${server.url}/a/file?x=1`, mode: '0600' };
    expect(summary(await fetchTo(root, entry))).toBe('1 changed');
    expect(contents(root)).toEqual({ file: 'from the server\n' });
    expect(statSync(join(root, 'file')).mode & 0o7777).toBe(0o600);
    expect(summary(await fetchTo(root, entry))).toBe('1 unchanged');
    expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(
      Array(2).fill('GET /a/file?x=1'),
    );
  });

  test('keeps the mode of a file that is there when the entry names none', async () => {
    const server = await serve({ status: 200, body: 'new' });
    const root = newRoot();
    writeFileSync(join(root, 'file'), 'old');
    chmodSync(join(root, 'file'), 0o750);
    await fetchTo(root, { source: server.url });
    expect({ ...contents(root), mode: statSync(join(root, 'file')).mode & 0o7777 }).toEqual({
      file: 'new',
      mode: 0o750,
    });
  });

  test.each<[string, Answer]>([
    ['an empty body', { status: 200, body: '' }],
    ['without a length', { status: 200, body: 'chunked', headers: { 'Transfer-Encoding': 'chunked' } }],
  ])('%s', async (_, answer) => {
    const server = await serve(answer);
    const root = newRoot();
    expect((await fetchTo(root, { source: `${server.url}/x` })).code).toBe(0);
    expect(contents(root)).toEqual({ file: typeof answer === 'string' ? '' : String(answer.body) });
  });

  test('20 MB arrive as they were sent', async () => {
    const body = randomBytes(20_000_000);
    const server = await serve({ status: 200, body });
    const root = newRoot();
    expect((await fetchTo(root, { source: `${server.url}/big` })).code).toBe(0);
    const sum = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
    expect(sum(readFileSync(join(root, 'file')))).toBe(sum(body));
  });

  test('the target of the request is the URL byte for byte', async () => {
    const server = await serve({ status: 200, body: 'x' });
    const target = "/a//b/%7Euser/%2fetc/x'y;z?sig=a%2Bb+c%3D&e=%3a~";
    await fetchTo(newRoot(), { source: server.url + target });
    expect(server.requests.map((request) => request.target)).toEqual([target]);
  });

  test('a blank, a letter outside ASCII and a backslash in the URL are encoded', async () => {
    const server = await serve(({ target }) => ({ status: 200, body: target }));
    const root = newRoot();
    await fetchTo(root, { source: ` ${server.url}/a b/ä\\c?d e\n` });
    expect(contents(root)).toEqual({ file: '/a%20b/%C3%A4%5Cc?d%20e' });
    const archive = await serve({ status: 200, body: gzipSync('packed') });
    const { code } = await cfnInit(machine(), { sources: { '/d': `${archive.url}/a b.gz` } }, ['--root', root], {
      env: NO_PROXY,
    });
    expect({ code, file: readFileSync(join(root, 'd/a b'), 'utf8') }).toEqual({ code: 0, file: 'packed' });
    expect(archive.requests.map(({ target }) => target)).toEqual(['/a%20b.gz']);
  });

  test('is rendered with its context', async () => {
    const server = await serve({ status: 200, body: 'dbname={{db.name}}{{gone}}\nurl={{{url}}}\n' });
    const root = newRoot();
    const entry = { source: `${server.url}/t`, context: { db: { name: 'wordpress' }, url: 'http://h/?a&b' } };
    const result = await fetchTo(root, entry);
    expect(summary(result)).toBe('1 changed');
    expect(result.stderr).toMatch(
      /warning: nothing in the context for \{\{gone\}\}: files .*, source: it is left empty\n/,
    );
    expect(contents(root)).toEqual({ file: 'dbname=wordpress\nurl=http://h/?a&b\n' });
    expect(summary(await fetchTo(root, entry))).toBe('1 unchanged');
  });

  test('file:// is a file below the root', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'a b'), 'local');
    expect((await fetchTo(root, { source: 'file:///a%20b' })).code).toBe(0);
    expect(contents(root)).toEqual({ 'a b': 'local', file: 'local' });
  });

  test('file:// of 300 MB is never in memory as a whole', async () => {
    const root = newRoot();
    const bytes = 300_000_000;
    writeFileSync(join(root, 'big'), '');
    truncateSync(join(root, 'big'), bytes);
    const input = metadata({ files: { '/file': { source: 'file:///big' } } });
    const { code, peakMegabytes } = await measuredRun(machine(), [binary('cfn-init'), '--root', root, '-'], { input });
    expect({ code, size: statSync(join(root, 'file')).size }).toEqual({ code: 0, size: bytes });
    expect(peakMegabytes).toBeLessThan(180);
  });

  test('file:// that is not there', async () => {
    const { code, stderr } = await fetchTo(newRoot(), { source: 'file:///there/is/nothing' });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*\/there\/is\/nothing/m),
    });
  });

  test('through the proxy of the environment, but not past no_proxy', async () => {
    const proxy = await serve({ status: 200, body: 'by the proxy' });
    const root = newRoot();
    const env = { ...NO_PROXY, http_proxy: proxy.url };
    await fetchTo(root, { source: 'http://files.example.test/a%2Fb?c' }, {}, env);
    const { requests, tunnels } = proxy;
    expect([...requests.map(({ target }) => target), ...tunnels]).toEqual(['http://files.example.test/a%2Fb?c']);
    const server = await serve({ status: 200, body: 'directly' });
    await fetchTo(root, { source: server.url }, {}, { ...env, no_proxy: 'example.test,127.0.0.1' });
    expect(contents(root)).toEqual({ file: 'directly' });
  });
});

describe('a refused download is a failure, and what stood there stands', () => {
  test.each([400, 401, 403, 404, 410, 304])('HTTP %i, asked once', async (status) => {
    const server = await serve({ status, body: '<html>the error page</html>' });
    for (const before of [{}, { file: 'old' }]) {
      const root = newRoot();
      for (const [name, text] of Object.entries(before)) writeFileSync(join(root, name), text);
      const { code, stderr } = await fetchTo(root, { source: `${server.url}/x`, mode: '0777' });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(new RegExp(`^cfn-init: [^\\n]*${status}`, 'm')),
      });
      expect(contents(root)).toEqual(before);
    }
    expect(server.requests).toHaveLength(2);
  });

  test('with a context', async () => {
    const server = await serve({ status: 404, body: '{{x}}' });
    const root = newRoot();
    expect((await fetchTo(root, { source: server.url, context: { x: 1 } })).code).toBe(1);
    expect(contents(root)).toEqual({});
  });
});

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%i is followed, relative and absolute', async (status) => {
    const server = await serve(({ target }) =>
      target === '/start'
        ? { status, headers: { Location: '../middle?a=1' } }
        : target.startsWith('/middle')
          ? { status, headers: { Location: `${server.url}/end%2F` } }
          : { status: 200, body: target },
    );
    const root = newRoot();
    expect((await fetchTo(root, { source: `${server.url}/start` })).code).toBe(0);
    expect(contents(root)).toEqual({ file: '/end%2F' });
  });

  test('without end: given up', async () => {
    const server = await serve({ status: 302, headers: { Location: '/again' } });
    const root = newRoot();
    expect((await fetchTo(root, { source: server.url })).code).toBe(1);
    expect(server.requests.length).toBeLessThan(30);
    expect(contents(root)).toEqual({});
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'gopher:x', 'http://', '//'])(
    'to %s is refused',
    async (location) => {
      const server = await serve({ status: 302, headers: { Location: location } });
      const root = newRoot();
      const { code, stderr } = await fetchTo(root, { source: server.url });
      expect({ code, files: contents(root) }).toEqual({ code: 1, files: {} });
      expect(stderr).not.toMatch(/a bug in|^\s+at /m);
    },
  );
});

describe('credentials', () => {
  const authentication = (server: TestServer) => ({
    'AWS::CloudFormation::Authentication': {
      named: { type: 'basic', username: 'deploy', password: 'pass:wörd-4711' },
      byUri: { type: 'basic', username: 'other', password: 'other-secret', uris: [`${server.url}/private/`] },
    },
  });
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  const seen = (server: TestServer) => server.requests.map(({ headers }) => headers.authorization);

  test('are sent to the host they are for and not to the one it redirects to', async () => {
    const other = await serve({ status: 200, body: 'x' });
    const first = await serve(({ target }) =>
      target === '/a'
        ? { status: 302, headers: { Location: '/b' } }
        : { status: 302, headers: { Location: `${other.url}/c` } },
    );
    const root = newRoot();
    const { code } = await fetchTo(root, { source: `${first.url}/a`, authentication: 'named' }, authentication(first));
    expect({ code, first: seen(first), other: seen(other) }).toEqual({
      code: 0,
      first: [basic('deploy:pass:wörd-4711'), basic('deploy:pass:wörd-4711')],
      other: [undefined],
    });
  });

  test('of the URL are sent to its host only, are told apart from none, and are not shown', async () => {
    const other = await serve({ status: 401, body: 'no such user' });
    const first = await serve(({ target }) =>
      target === '/moved' ? { status: 302, headers: { Location: `${other.url}/c` } } : { status: 401, body: '' },
    );
    const url = first.url.replace('//', '//deploy:t0p%40s3cret@');
    const said: string[] = [];
    for (const config of [
      { files: { '/file': { source: `${url}/a` } } },
      { sources: { '/d': `${url}/a` } },
      { files: { '/file': { source: `${url}/moved` } } },
    ]) {
      const { code, stdout, stderr } = await cfnInit(machine(), config, ['--root', newRoot(), '-v'], { env: NO_PROXY });
      expect(code).toBe(1);
      said.push(stdout + stderr);
    }
    expect({ first: seen(first), other: seen(other) }).toEqual({
      first: Array(3).fill(basic('deploy:t0p@s3cret')),
      other: [undefined],
    });
    expect(said.slice(0, 2).join('\n')).toMatch(/(?:the user and the password in the URL[\s\S]*){2}/);
    expect(said[2]).toMatch(
      /HTTP 401 \(no such user\)[^\n]*the credentials are for http:[^\n]*\/moved, which redirects here/,
    );
    expect(said.join()).not.toMatch(/s3cret|deploy/);
  });

  test('belong to the addresses in uris when the file names none', async () => {
    const server = await serve({ status: 200, body: 'x' });
    for (const path of ['/private/a', '/public/a'])
      await fetchTo(newRoot(), { source: server.url + path }, authentication(server));
    expect(seen(server)).toEqual([basic('other:other-secret'), undefined]);
  });
});

describe.concurrent('passing faults are tried again', () => {
  test('503 twice, then 200', async ({ expect }) => {
    const server = await serve((_, requests) =>
      requests < 3 ? { status: 503, headers: { 'Retry-After': '0' }, body: 'busy' } : { status: 200, body: 'at last' },
    );
    const root = newRoot();
    const document = { files: { '/file': { source: `${server.url}/x` } } };
    const { code, stderr } = await cfnInit(machine(), document, ['--root', root, '-v'], { env: NO_PROXY });
    expect(code).toBe(0);
    const retry = (attempt: number) =>
      expect.stringMatching(`HTTP 503 \\(busy\\): .*/x: .*: attempt ${attempt} of 5 in [1-4]\\.\\d s$`);
    expect(stderr.split('\n').filter((line) => / of 5 in /.test(line))).toEqual([retry(2), retry(3)]);
    expect({ files: contents(root), requests: server.requests.length }).toEqual({
      files: { file: 'at last' },
      requests: 3,
    });
  });

  test('a body cut short, then whole: nothing of the first is left in it', async ({ expect }) => {
    const body = 'x'.repeat(100_000);
    const server = await serve((_, requests) => ({
      status: 200,
      body,
      ...(requests === 1 ? { cutAfter: 50_000 } : {}),
    }));
    const root = newRoot();
    expect((await fetchTo(root, { source: server.url })).code).toBe(0);
    expect(contents(root)).toEqual({ file: body });
  });

  test.each<[string, Answer]>([
    ['cut short each time', { status: 200, body: 'x'.repeat(100_000), cutAfter: 50_000 }],
    [
      'cut short without a length',
      { status: 200, body: 'x'.repeat(100_000), cutAfter: 50_000, headers: { 'Transfer-Encoding': 'chunked' } },
    ],
    ['503 each time', { status: 503, headers: { 'Retry-After': '0' } }],
    ['reset each time', 'reset'],
  ])('%s: a failure that leaves nothing', { timeout: 90_000 }, async (_, answer) => {
    const server = await serve(answer);
    const root = newRoot();
    writeFileSync(join(root, 'file'), 'old');
    const { code, stderr } = await fetchTo(root, { source: `${server.url}/x` });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: (?!warning)[^\n]*127\.0\.0\.1/m),
    });
    expect(contents(root)).toEqual({ file: 'old' });
    expect(server.requests.length).toBeGreaterThan(1);
  });

  test('nobody listens', { timeout: 90_000 }, async ({ expect }) => {
    const { code, stderr } = await fetchTo(newRoot(), { source: `http://127.0.0.1:${await unusedPort()}/x` });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: (?!warning)[^\n]*nothing listens/m),
    });
  });
});

describe('a redirect to the metadata service is refused, and nothing is sent there', () => {
  // In a network of its own, where this address is the loopback device's.
  const view = useSandbox({}, ['ip']);
  const METADATA = '169.254.169.254';
  const locations = [
    `http://${METADATA}/secret`,
    `http://${METADATA}:80/secret`,
    `//${METADATA}/secret`,
    `http://user@${METADATA}/secret`,
    'http://2852039166/secret',
    'http://0xa9fea9fe/secret',
    'http://0251.0376.0251.0376/secret',
    `http://[::ffff:${METADATA}]/secret`,
    'http://metadata.example.test/secret',
  ];
  let service: ViewServer;
  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    await view().run(
      `ip addr add ${METADATA}/32 dev lo; echo ${METADATA} metadata.example.test >>/etc/hosts; mkdir /out`,
    );
    service = await serveInView(
      view(),
      { '/secret': { status: 200, body: 'credentials' } },
      { host: METADATA, port: 80 },
    );
    const answers = locations.map((Location, index) => [`/${index}`, { status: 302, headers: { Location } }]);
    await serveInView(view(), Object.fromEntries(answers) as Record<string, ViewAnswer>);
  });

  test.each(locations.map((location, index) => [location, index] as const))('%s', async (_, index) => {
    const before = service.requests().length;
    const { code } = await cfnInit(view(), {
      files: { [`/out/${index}`]: { source: `http://127.0.0.1:8080/${index}` } },
    });
    const written = view().exists(`/out/${index}`);
    expect({ code, written, sent: service.requests().slice(before) }).toEqual({ code: 1, written: false, sent: [] });
  });
});
