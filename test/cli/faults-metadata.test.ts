/** Servers that break the rules, and what cfn-get-metadata makes of them: exit code, the words of the one line on stderr, time and memory. */
import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { answer, head, type Script } from '../support/fault-server.ts';
import { badCertificates, faults, flood, oneLine, useFaults } from '../support/faults.ts';
import { measuredRun } from '../support/measured-run.ts';
import { expectSoon } from '../support/soon.ts';
import { useSandbox } from '../support/use-machine.ts';

const guest = useSandbox({ network: 'shared' });
const { breaking, secure, environment } = useFaults(() => guest().shared);

describe('cfn-get-metadata', () => {
  const METADATA = '{"answer": 42}';
  const LAST = '/var/cache/heat-cfntools/last_metadata';
  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    await guest().run(
      'mkdir -m 700 -p /var/lib/heat-cfntools; rm -rf /var/cache/heat-cfntools /var/lib/cloud/data/cfn-init-data; mkdir -m 700 /var/cache/heat-cfntools',
    );
    await allow(1);
  });

  /** Has an exchange take so many seconds at most. */
  const allow = (seconds: number) =>
    guest().run(['tee', '/var/lib/heat-cfntools/cfn-boto-cfg'], {
      input: `[Boto]\nhttp_socket_timeout = ${seconds}\nnum_retries = 1\nmax_retry_delay = 1\n`,
    });

  const ask = (url: string, env = environment()) =>
    measuredRun(
      guest(),
      [
        ...[binary('cfn-get-metadata'), '-s', 's', '-r', 'web', '--url', `${url}/v1/`],
        ...['--access-key', 'AK', '--secret-key', 's3cret-key'],
      ],
      { env },
    );

  const unreachable: [name: string, script: Script, words: RegExp][] = [
    ['reset before the answer', faults['reset before the answer'], /the server closed the connection/],
    ['closed before the answer', faults['closed before the answer'], /no answer/],
    ['reset in the body', faults['reset in the body'], /the server closed the connection/],
    ['stall before the head', faults['stall before the head'], /timed out after 1 s/],
    ['stall in the head', faults['stall in the head'], /timed out after 1 s/],
    ['stall after the head', faults['stall after the head'], /timed out after 1 s/],
    ['a head by drops', faults['a head by drops'], /timed out after 1 s/],
    ['a body by drops', faults['a body by drops'], /timed out after 1 s/],
    ['a length too long', faults['a length too long'], /the server closed the connection/],
    ['a bad chunk', faults['a bad chunk'], /no answer/],
    ['no HTTP', faults['no HTTP'], /no answer/],
    ['a head without end', faults['a head without end'], /no answer/],
    ['429', () => answer(429, '', { 'Retry-After': '1' }), /HTTP 429/],
    ['503 and half an age', () => answer(503, '', { 'Retry-After': '999999999' }), /HTTP 503/],
    ['503 until a date', () => answer(503, '', { 'Retry-After': 'Fri, 01 Jan 2999 00:00:00 GMT' }), /HTTP 503/],
  ];

  test.each(unreachable)('%s: exit 1 when there is nothing older, else that', async (_, script, words) => {
    const server = await breaking(script);
    await guest().run(['rm', '-f', LAST, `${LAST}_web`]);
    const without = await ask(server.url);
    expect({ code: without.code, stdout: without.stdout }).toEqual({ code: 1, stdout: '' });
    expect(without.stderr).toMatch(oneLine('cfn-get-metadata', words));
    await expectSoon(without.milliseconds, 5_000);
    expect(server.requests.length).toBe(2);
    await guest().run(['tee', LAST], { input: METADATA });
    const older = await ask(server.url);
    expect({ code: older.code, metadata: JSON.parse(older.stdout) }).toEqual({ code: 0, metadata: { answer: 42 } });
    expect(older.stderr).toMatch(oneLine('cfn-get-metadata: warning', new RegExp(`${words.source}.*${LAST}, written`)));
  });

  const refused: [name: string, script: Script, words: RegExp][] = [
    ['JSON cut short', () => answer(200, '{"DescribeStackResourceResponse": {"Descr'), /cannot be used/],
    ['nothing', () => answer(200, ''), /cannot be used/],
    ['100 MB', flood(200), /larger than/],
    ['a body without end', faults['a body without end'], /larger than/],
    ['101', faults['101'], /switches protocols \(HTTP 101\)/],
    ['a redirect to another host', () => answer(302, '', { Location: 'http://127.0.0.1:9/' }), /redirect/],
    ['a redirect to the metadata service', () => answer(307, '', { Location: 'http://169.254.169.254/' }), /redirect/],
  ];

  test.each(refused)('%s: exit 1, and nothing older hides it', async (_, script, words) => {
    const server = await breaking(script);
    await guest().run(['tee', LAST], { input: METADATA });
    // 64 MiB may take a busy machine more than the second of the others.
    await allow(30);
    const { code, stdout, stderr, milliseconds, peakMegabytes } = await ask(server.url).finally(() => allow(1));
    expect({ code, stdout, asked: server.requests.length }).toEqual({ code: 1, stdout: '', asked: 1 });
    expect(stderr).toMatch(oneLine('cfn-get-metadata', words));
    await expectSoon(milliseconds, 5_000);
    expect(peakMegabytes).toBeLessThan(400);
  });

  const body = JSON.stringify({
    DescribeStackResourceResponse: {
      DescribeStackResourceResult: { StackResourceDetail: { LogicalResourceId: 'web', Metadata: { a: 1 } } },
    },
  });

  test('interim answers before the answer are ignored: exit 0', async () => {
    const server = await breaking(() => [{ send: head(100) + head(102) + head(103) }, ...answer(200, body)]);
    const { code, stdout, stderr } = await ask(server.url);
    expect({ code, stderr, metadata: JSON.parse(stdout) }).toEqual({ code: 0, stderr: '', metadata: { a: 1 } });
  });

  test('an error whose page breaks off is that error: exit 1', async () => {
    const server = await breaking(() => [{ send: `${head(403, { 'Content-Length': 999 })}<Error` }, 'reset']);
    await guest().run(['tee', LAST], { input: METADATA });
    const { code, stderr } = await ask(server.url);
    expect({ code, asked: server.requests.length }).toEqual({ code: 1, asked: 1 });
    expect(stderr).toMatch(oneLine('cfn-get-metadata', /refused with HTTP 403/));
  });

  test('101 answered to cfn-init: exit 1, and nothing is done', async () => {
    const server = await breaking(faults['101']);
    const { code, stderr } = await guest().run(
      [
        ...[binary('cfn-init'), '-s', 's', '-r', 'web', '--url', `${server.url}/v1/`],
        ...['--access-key', 'AK', '--secret-key', 's3cret-key'],
      ],
      { env: environment() },
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(oneLine('cfn-init', /HTTP 101/)) });
  });

  test.each<[what: string, args: string[], env: Record<string, string>, code: number, words: RegExp]>([
    ['--access-key', ['--access-key', 'A\u20acK', '--secret-key', 's3cret-key'], {}, 2, /--access-key.*U\+20AC/],
    ['--region', ['--access-key', 'AK', '--secret-key', 's3cret-key', '--region', 'a\nb'], {}, 2, /--region.*U\+000A/],
    [
      'the environment',
      [],
      { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 's3cret-key\n' },
      1,
      /AWS_SECRET_ACCESS_KEY.*U\+000A: the environment/,
    ],
  ])('a character that no header can hold in %s: an error at once, and nothing older hides it', async (...row) => {
    const [, args, env, code, words] = row;
    const server = await breaking(() => answer(200, body));
    await guest().run(['tee', LAST], { input: METADATA });
    const command = [binary('cfn-get-metadata'), '-s', 's', '-r', 'web', '--url', `${server.url}/v1/`, ...args];
    const ended = await guest().run(command, { env: { ...environment(), ...env } });
    expect({ code: ended.code, stdout: ended.stdout, asked: server.requests }).toEqual({ code, stdout: '', asked: [] });
    expect(ended.stderr).toMatch(oneLine('cfn-get-metadata', words));
    expect(ended.stderr).not.toContain('s3cret');
  });

  test('what follows a whole answer is not read: exit 0', async () => {
    const server = await breaking(() => [
      { send: `${head(200, { 'Content-Length': body.length })}${body}more` },
      'close',
    ]);
    const { code, stdout, stderr } = await ask(server.url);
    expect({ code, stderr, metadata: JSON.parse(stdout) }).toEqual({ code: 0, stderr: '', metadata: { a: 1 } });
  });

  test.each(badCertificates)('a certificate that is %s: exit 1 at once', async (_, certificate, knowsCa, words) => {
    const server = await secure(certificate);
    await guest().run(['rm', '-f', LAST, `${LAST}_web`]);
    const { code, stderr, milliseconds } = await ask(server.url, environment(knowsCa));
    expect({ code, asked: server.requests }).toEqual({ code: 1, asked: [] });
    expect(stderr).toMatch(oneLine('cfn-get-metadata', words));
    await expectSoon(milliseconds, 2_000);
  });
});
