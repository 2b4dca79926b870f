/** Servers that break the rules, and what cfn-signal makes of them: exit code, the words of the one line on stderr, time and memory. */
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { answer, head, type Script } from '../support/fault-server.ts';
import { badCertificates, type FaultName, faults, flood, oneLine, useFaults } from '../support/faults.ts';
import { unusedPort } from '../support/http-server.ts';
import { measuredRun } from '../support/measured-run.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { HANDLE, withoutRetries } from '../support/signal-rig.ts';
import { expectSoon } from '../support/soon.ts';
import { useMachine, useSandbox } from '../support/use-machine.ts';

const machine = useMachine();
const { breaking, secure, environment } = useFaults(() => machine().shared);

describe.concurrent('a signal', () => {
  const signal = (args: readonly string[], env = environment()) =>
    machine().run([binary('cfn-signal'), '-i', 'me', ...args], { env });

  /** With --timeout 2: not accepted, or not known to be. The time may run out in an attempt as well as before the next. */
  test.each<[name: FaultName, words: RegExp]>([
    ['reset before the answer', /the server closed the connection/],
    ['closed before the answer', /no answer/],
    ['stall before the head', /timed out after 1 s/],
    ['stall in the head', /timed out after 1 s/],
    ['a head by drops', /timed out after 1 s/],
    ['a length that is none', /no answer/],
    ['two lengths', /no answer/],
    ['no HTTP', /no answer/],
    ['a head without end', /no answer/],
  ])('%s: exit 75 when the time is over', async (name, words) => {
    const server = await breaking(faults[name]);
    const { code, stdout, stderr, milliseconds } = await signal(['--timeout', '1', server.url + HANDLE]);
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
    expect(withoutRetries(stderr)).toMatch(
      oneLine(
        'cfn-signal',
        new RegExp(`not accepted within 1 s: ${server.url}.*(${words.source}|timed out after 1 s)`),
      ),
    );
    await expectSoon(milliseconds, 4_000);
  });

  test.each<[name: string, script: Script]>([
    ['a length too short', faults['a length too short']],
    ['JSON cut short', () => answer(200, '{"DescribeStackResourceResponse": {"Descr')],
    ['100 MB', flood(200)],
    ['a body without a length', () => [{ send: `${head(200)}done` }, 'close']],
    ['reset in the body', faults['reset in the body']],
    ['stall after the head', faults['stall after the head']],
    ['a body by drops', faults['a body by drops']],
    ['a length too long', faults['a length too long']],
    ['a bad chunk', faults['a bad chunk']],
    ['interim answers first', () => [{ send: head(100) + head(102) + head(103) }, ...answer(200)]],
  ])('a 2xx is an acceptance, whatever its body: %s', async (_, script) => {
    const server = await breaking(script);
    const { code, stderr, milliseconds } = await signal(['--timeout', '1', server.url + HANDLE]);
    expect({ code, stderr, asked: server.requests.length }).toEqual({ code: 0, stderr: '', asked: 1 });
    await expectSoon(milliseconds, 3_000);
  });

  test.each<[name: string, script: Script, words: RegExp]>([
    ['403 with half an explanation', () => answer(403, '<ErrorResponse><Error><Mess'), /HTTP 403: .*expired/],
    ['403 with 100 MB of explanation', flood(403), /HTTP 403: .*expired/],
    [
      '403 with an explanation that breaks off',
      () => [{ send: `${head(403, { 'Content-Length': 99 })}x` }, 'reset'],
      /403/,
    ],
    ['403 with an explanation by drops', () => [{ send: head(403) }, { drip: 'x'.repeat(999), every: 50 }], /HTTP 403/],
    ['a redirect without a place', () => answer(302), /HTTP 302: .*redirect/],
    ['101', faults['101'], /switches protocols \(HTTP 101\).*check the address/],
  ])('refused, exit 1: %s', async (_, script, words) => {
    const server = await breaking(script);
    const { code, stderr, milliseconds } = await signal(['--timeout', '2', server.url + HANDLE]);
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine('cfn-signal', words));
    await expectSoon(milliseconds, 4_000);
  });

  test.each<[name: string, status: number, retryAfter: () => string, least: number, most: number]>([
    ['seconds', 429, () => '1', 1_000, 4_000],
    ['a date', 503, () => new Date(Date.now() + 3_000).toUTCString(), 1_000, 6_000],
    ['a date that is over', 503, () => 'Thu, 01 Jan 1970 00:00:00 GMT', 500, 2_000],
    ['less than nothing', 503, () => '-5', 500, 3_000],
    ['no number', 429, () => 'soon', 500, 3_000],
  ])('Retry-After with %s (%i) is used or ignored, then exit 0', async (_, status, retryAfter, least, most) => {
    const server = await breaking((count) =>
      count === 1 ? answer(status, '', { 'Retry-After': retryAfter() }) : answer(200),
    );
    const { code, stderr } = await signal([server.url + HANDLE]);
    expect({ code, stderr: withoutRetries(stderr) }).toEqual({ code: 0, stderr: '' });
    const [first, second] = server.requests;
    const waited = (second?.time ?? 0) - (first?.time ?? 0);
    expect(waited).toBeGreaterThanOrEqual(least - 100);
    await expectSoon(waited, most);
  });

  test.each<[string]>([['999999999'], ['Fri, 01 Jan 2999 00:00:00 GMT']])(
    'Retry-After with more patience than there is: one more attempt just before the end: %s',
    async (retryAfter) => {
      const server = await breaking(() => answer(503, '', { 'Retry-After': retryAfter }));
      // The last attempt has a fifth of it.
      const { code, stderr, milliseconds } = await signal(['--timeout', '8', server.url + HANDLE]);
      expect({ code, asked: server.requests.length }).toEqual({ code: 75, asked: 2 });
      expect(withoutRetries(stderr)).toMatch(oneLine('cfn-signal', /HTTP 503/));
      expect(milliseconds).toBeGreaterThanOrEqual(8_000);
    },
  );

  test('refused: exit 75 when the time is over', async ({ expect }) => {
    const url = `http://127.0.0.1:${await unusedPort()}${HANDLE}`;
    const { code, stderr } = await signal(['--timeout', '1', url]);
    expect({ code, stderr: withoutRetries(stderr) }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/nothing listens there[^\n]*\n$/),
    });
  });

  describe('--timeout', () => {
    const TARGETS = ['http://heat.example.test:8000', 'https://heat.example.test:8000'];

    test.each(['0.5', '1e9', '5', '29.99', '5e0'])('%s goes through a proxy', async (seconds) => {
      const proxy = await breaking(() => answer(200));
      const env = { ...environment(), http_proxy: proxy.url };
      const { code, stderr } = await signal(['--timeout', seconds, TARGETS[0] + HANDLE], env);
      expect({ code, stderr, asked: proxy.requests.length }).toEqual({ code: 0, stderr: '', asked: 1 });
    });

    test.each(['-1', '0', 'NaN', 'Infinity', '1e999', '', 'soon'])(
      '%j is a mistake on the command line',
      async (text) => {
        const { code, stderr } = await signal([`--timeout=${text}`, `http://127.0.0.1:9${HANDLE}`]);
        expect({ code, stderr }).toEqual({
          code: 2,
          stderr: expect.stringMatching(oneLine('cfn-signal', /number of seconds/)),
        });
      },
    );

    test.each(TARGETS)('bounds a proxy that never answers: %s', async (target) => {
      const proxy = await breaking(() => ['hang']);
      const env = { ...environment(), http_proxy: proxy.url, https_proxy: proxy.url };
      const { code, stderr, milliseconds } = await signal(['--timeout', '0.5', target + HANDLE], env);
      expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringMatching(/not accepted within 0.5 s/) });
      await expectSoon(milliseconds, 3_000);
    });

    test('bounds a proxy that falls silent after CONNECT', async ({ expect }) => {
      const proxy = await breaking(() => [{ send: 'HTTP/1.1 200 OK\r\n\r\n' }, 'hang']);
      const env = { ...environment(), https_proxy: proxy.url };
      const { code, milliseconds } = await signal(['--timeout', '0.5', TARGETS[1] + HANDLE], env);
      expect({ code, asked: proxy.requests.length }).toEqual({ code: 75, asked: 1 });
      await expectSoon(milliseconds, 3_000);
    });

    test('bounds a TLS handshake that never ends', async ({ expect }) => {
      const server = await breaking(() => ['hang']);
      const url = server.url.replace('http:', 'https:') + HANDLE;
      const { code, milliseconds } = await signal(['--timeout', '0.5', url]);
      expect(code).toBe(75);
      await expectSoon(milliseconds, 3_000);
    });
  });

  test('a redirect to another host is not followed', async ({ expect }) => {
    const other = await breaking(() => answer(200));
    const server = await breaking(() => answer(307, '', { Location: `${other.url}/elsewhere` }));
    const { code, stderr } = await signal([server.url + HANDLE]);
    expect({ code, asked: other.requests.length }).toEqual({ code: 1, asked: 0 });
    expect(stderr).toMatch(oneLine('cfn-signal', /a redirect is not followed/));
  });

  test.each(badCertificates)(
    'does not go to a server whose certificate is %s: exit 1 at once',
    async (_, certificate, knowsCa, words) => {
      const server = await secure(certificate);
      const { code, stderr, milliseconds } = await signal([server.url + HANDLE], environment(knowsCa));
      expect({ code, asked: server.requests }).toEqual({ code: 1, asked: [] });
      expect(stderr).toMatch(oneLine('cfn-signal', new RegExp(`${words.source}.*-k`)));
      await expectSoon(milliseconds, 2_000);
    },
  );
});

describe('a redirect of a signal to the metadata service', () => {
  const view = useSandbox({}, ['ip']);
  test('is not followed', async () => {
    await view().run('ip addr add 169.254.169.254/32 dev lo');
    const service = await serveInView(view(), { '*': { status: 200 } }, { host: '169.254.169.254', port: 80 });
    await serveInView(view(), { '*': { status: 307, headers: { Location: 'http://169.254.169.254/latest/' } } });
    const { code, stderr } = await view().run([binary('cfn-signal'), '-i', 'me', 'http://127.0.0.1:8080/x']);
    expect({ code, asked: service.requests() }).toEqual({ code: 1, asked: [] });
    expect(stderr).toMatch(oneLine('cfn-signal', /a redirect is not followed/));
  });
});

describe('memory', () => {
  let least: number | undefined;
  const peak = async (script: Script): Promise<number> => {
    const server = await breaking(script);
    const command = [binary('cfn-signal'), '-i', 'me', '--timeout', '3', server.url + HANDLE];
    return (await measuredRun(machine(), command, { env: environment() })).peakMegabytes;
  };
  test.each<[what: string, script: Script]>([
    ['a body of 100 MB', flood(200)],
    ['a refusal of 100 MB', flood(403)],
    ['a body without end', faults['a body without end']],
    ['a head without end', faults['a head without end']],
  ])('%s costs 40 MB at most', async (_, script) => {
    least ??= await peak(() => answer(200));
    expect((await peak(script)) - least).toBeLessThan(40);
  });
});
