import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { descendantCommands } from '../../src/system/programs/processes.ts';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata } from '../support/cfn-init.ts';
import { type Answer, startServer, type TestServer, unusedPort } from '../support/http-server.ts';
import type { Ended } from '../support/process.ts';
import { isRoot, useMachine } from '../support/use-machine.ts';

const machine = useMachine();
const servers: TestServer[] = [];
const NO_PROXY = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };

beforeEach(async () => {
  // In the view: it begins with what this machine has logged before.
  if (isRoot) await machine().run('rm -f /var/log/cfn-*');
});
afterAll(async () => {
  for (const server of servers) await server.close();
});

interface WatchingServer extends TestServer {
  /** The command lines of what the test has started, a text for each time that it was asked. */
  readonly commandLines: string[];
}

/** A server that, when it is asked, looks at the command lines of what this test has started: others may run the same at once. */
async function serve(answer: Answer): Promise<WatchingServer> {
  const commandLines: string[] = [];
  const server = await startServer(() => {
    commandLines.push(descendantCommands(process.pid).join('\n'));
    return answer;
  });
  servers.push(server);
  return Object.assign(server, { commandLines });
}

/** All that others may come to see of a run: what it printed, and what it logged. */
function seen({ stdout, stderr }: Ended): string {
  const logs = isRoot
    ? readdirSync(machine().path('/var/log'))
        .filter((name) => name.startsWith('cfn-'))
        .map((name) => machine().read(join('/var/log', name)))
    : [];
  return [stdout, stderr, ...logs].join('\n');
}

/** What a server has seen of the command lines: each time, that of cfn-init was among them. */
function watched({ commandLines }: WatchingServer): string {
  for (const lines of commandLines) expect(lines).toContain('cfn-init');
  return commandLines.join('\n');
}

/** A file that a download may be for. */
const target = (): string => join(machine().shared, 'downloaded');

function expectHidden(text: string, secrets: readonly string[]): void {
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
}

describe.each([[[]], [['-v']]])('cfn-init %j', (options: string[]) => {
  const init = (document: object, more: Readonly<Record<string, unknown>> = {}) =>
    cfnInit(machine(), metadata(document as Record<string, unknown>, more), options, { env: NO_PROXY });

  test.each([
    'X-Amz-Credential=AKIA4711EXAMPLE&X-Amz-Signature=5ecre7-signature',
    'Signature=5ecre7-signature&Expires=1&AWSAccessKeyId=AKIA4711EXAMPLE',
    'temp_url_sig=5ecre7-signature&temp_url_expires=1',
    'temp_url_expires=1700000000&temp_url_prefix=5ecre7-signature',
    'X-Goog-Credential=AKIA4711EXAMPLE&X-Goog-Signature=5ecre7-signature',
    'X-Amz-Security-Token=5ecre7-signature',
    'Policy=5ecre7-signature&Key-Pair-Id=AKIA4711EXAMPLE',
    'X-Auth-Token=5ecre7-signature',
    'api_key=5ecre7-signature',
    'sv=2020&sig=5ecre7-signature',
    'access_token=5ecre7-signature',
  ])('the query of a signed URL: %s', async (query) => {
    const server = await serve({ status: 403, body: 'denied' });
    const source = `${server.url}/bucket/file?${query}`;
    const result = await init({ files: { [target()]: { source } } });
    expect(result.code).toBe(1);
    expect(server.requests).toHaveLength(1);
    expectHidden(seen(result) + watched(server), ['5ecre7-signature', 'AKIA4711EXAMPLE']);
  });

  test('user and password in a URL', async () => {
    const server = await serve({ status: 404 });
    const source = server.url.replace('//', '//deploy:5ecre7-password@');
    const result = await init({ files: { [target()]: { source } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result) + watched(server), ['5ecre7-password']);
  });

  test.each([
    ['a token alone', '//5ecre7-password@'],
    ['encoded', '//deploy:5ecre7%2Dpassword@'],
    ['a slash', '//deploy:5ecre7-pass/word@'],
    ['a quote', '//deploy:5ecre7-"pass\'word@'],
    ['two signs', '//deploy:5ecre7@pass@'],
    ['a blank', '//deploy:5ecre7 pass@'],
    ['badly encoded', '//deploy:5ecre7%zz@'],
    ['another scheme', '5ecre7'],
  ])('the URL of a file, source or package with %s in its password', async (_, login) => {
    const server = await serve({ status: 404 });
    const source = login.startsWith('//')
      ? server.url.replace('//', login)
      : server.url.replace('http://', 'ftp://deploy:5ecre7-password@');
    // One of the three for each: what they have in common is the door that they go through.
    const document = [
      { files: { [target()]: { source } } },
      { sources: { [target()]: source } },
      { packages: { dpkg: { some: `${source}/some.deb` } } },
    ][login.length % 3] as object;
    const result = await init(document);
    expect(result.code).toBe(1);
    expectHidden(seen(result) + watched(server), ['5ecre7', 'word@', 'pass@']);
  });

  test.each([
    'http://joe:5ecre7@127.0.0.1:99999',
    'http://joe:5e cre7@127.0.0.1:1:2',
    'http://joe:5ecre7/@127.0.0.1:1',
    'joe:5ecre7@127.0.0.1:x',
    'HTTP://JOE:5ECRE7@[127.0.0.1',
    'socks5://joe:5ecre7@',
    'http://5ecre7@"quoted"',
  ])('a proxy that is none: %s', async (proxy) => {
    const document = metadata({ files: { [target()]: { source: 'http://127.0.0.2:9/x' } } });
    const byFlag = await cfnInit(machine(), document, [...options, '--http-proxy', proxy], { env: NO_PROXY });
    const byVariable = await cfnInit(machine(), document, options, { env: { ...NO_PROXY, http_proxy: proxy } });
    for (const result of [byFlag, byVariable]) {
      expect(result.code).not.toBe(0);
      expect(seen(result)).not.toMatch(/5e ?cre7/i);
    }
  });

  test('the authentication block: in a failing download, and echoed by a failing command', async () => {
    const server = await serve({ status: 401, body: 'who are you' });
    const secrets = { password: '5ecre7-password', secretKey: '5ecre7/key+of+s3', accessKeyId: 'AKIA4711EXAMPLE' };
    const authentication = {
      'AWS::CloudFormation::Authentication': {
        web: { type: 'basic', username: 'deploy', password: secrets.password },
        store: { type: 'S3', accessKeyId: secrets.accessKeyId, secretKey: secrets.secretKey, buckets: ['b'] },
      },
    };
    const basic = Buffer.from(`deploy:${secrets.password}`).toString('base64');
    const file = { files: { [target()]: { source: server.url, authentication: 'web' } } };
    const download = await init(file, authentication);
    expect({ code: download.code, sent: server.requests[0]?.headers.authorization }).toEqual({
      code: 1,
      sent: `Basic ${basic}`,
    });
    const echo = `echo "${Object.values(secrets).join(' ')}"; echo "login ${secrets.password} failed" >&2; exit 1`;
    const command = await init({ commands: { a: { command: echo } } }, authentication);
    for (const result of [download, command])
      expectHidden(seen(result) + watched(server), [...Object.values(secrets), basic]);
  });

  test.each([
    ['Authorization: Basic ZGVwbG95OjVlY3JlNy1wYXNzd29yZA==', 'ZGVwbG95OjVlY3JlNy1wYXNzd29yZA=='],
    ['> authorization: Bearer 5ecre7-token', '5ecre7-token'],
    ['{"Authorization": "AWS4-HMAC-SHA256 Credential=x, Signature=5ecre7"}', '5ecre7'],
    ['X-Auth-Token: 5ecre7-token', '5ecre7-token'],
    ['export AWS_SECRET_ACCESS_KEY=5ecre7-key', '5ecre7-key'],
    ['AWSSecretKey=5ecre7-key', '5ecre7-key'],
    ['GET http://h/x?X-Amz-Signature=5ecre7&a=b failed', '5ecre7'],
  ])('printed by a failing command: %s', async (line, secret) => {
    const command = ['sh', '-c', `printf '%s\\n' "$0"; exit 1`, line];
    const result = await init({ commands: { a: { command } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result), [secret]);
  });

  test('the content of a file for its owner alone, printed by a failing command', async () => {
    const path = join(machine().shared, `secret-${options.join('')}`);
    const content = 'user=app\npassword phrase is 5ecre7 horse battery\n[other]\nkey = 0123456789abcdef\n';
    const files = { [path]: { content, mode: '000600' } };
    const result = await init({ files, commands: { a: { command: `cat ${path}; tail -n 1 ${path} >&2; exit 1` } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result), ['5ecre7 horse', '0123456789abcdef']);
  });

  test('the content of such a file when it is an object or base64', async () => {
    const path = join(machine().shared, `secret2-${options.join('')}`);
    const files = {
      [path]: { content: { db: { password: '5ecre7-of-object' } }, mode: '0400' },
      [`${path}b`]: { content: Buffer.from('5ecre7-of-base64\n').toString('base64'), encoding: 'base64', mode: '0600' },
    };
    const result = await init({ files, commands: { a: { command: `cat ${path} ${path}b; exit 1` } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result), ['5ecre7-of-base64', '"5ecre7-of-object"']);
  });

  test.each(['000640', '0660', '0440', '0400', '0750', 416])('of any file that not all may read: %j', async (mode) => {
    const path = join(machine().shared, `secret3-${mode}-${options.join('')}`);
    const files = {
      [path]: { content: 'some phrase of 5ecre7 words\nvalue: 5ecre7-value\n', mode },
      [`${path}o`]: { content: { any: ['5ecre7-item'], url: 'https://joe:5ecre7-login@h/' }, mode },
      [`${path}t`]: { content: 'any={{any}}\n', context: { any: '5ecre7-rendered' }, mode },
    };
    const command = `cat ${path} ${path}o ${path}t; echo 5ecre7-item 5ecre7-value >&2; base64 ${path}; exit 1`;
    const result = await init({ files, commands: { a: { command } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result), ['5ecre7', Buffer.from('some phrase of 5ecre7').toString('base64').slice(8, -4)]);
  });

  test('of a file that keeps its mode, and of one that is downloaded', async () => {
    const server = await serve({ status: 200, body: `word of 5ecre7\n${'x'.repeat(3_000_000)}` });
    const path = join(machine().shared, `secret4-${options.join('')}`);
    await machine().run(`: >${path} && : >${path}d && chmod 0600 ${path} ${path}d`);
    const files = {
      [path]: { content: 'kept 5ecre7 line\n' },
      [`${path}d`]: { source: server.url },
      [`${path}m`]: { source: server.url, mode: '0640' },
    };
    const command = `cat ${path}; head -n 1 ${path}d ${path}m; exit 1`;
    for (let round = 0; round < 2; round++) {
      const result = await init({ files, commands: { a: { command } } });
      expect(result.code).toBe(1);
      expectHidden(seen(result), ['5ecre7']);
    }
  });

  test('of a file of a config that is not selected', async () => {
    const path = join(machine().shared, `secret5-${options.join('')}`);
    const document = {
      'AWS::CloudFormation::Init': {
        configSets: { default: ['second'], other: ['first'] },
        first: { files: { [path]: { content: 'kept 5ecre7 line\n', mode: '0600' } } },
        second: { commands: { a: { command: `cat ${path}; exit 1` } } },
      },
    };
    expect((await cfnInit(machine(), JSON.stringify(document), ['-c', 'other'], { env: NO_PROXY })).code).toBe(0);
    const result = await cfnInit(machine(), JSON.stringify(document), options, { env: NO_PROXY });
    expect(result.code).toBe(1);
    expectHidden(seen(result), ['5ecre7']);
  });

  test('the environment of a command, but for what is short or ordinary', async () => {
    const env = { DB_PASS: 'abc5ecre7', ANY: '5ecre7-value', A: '1', B: 'true', C: '/usr/bin', LANG: 'en_US.UTF-8' };
    const command = 'env | sort; echo "[$ANY]" >&2; echo $A $B $C $LANG; exit 1';
    const result = await init({ commands: { a: { command, env } } });
    expect(result.code).toBe(1);
    expectHidden(seen(result), ['5ecre7']);
    if (isRoot) expect(seen(result)).toContain('1 true /usr/bin en_US.UTF-8');
  });

  test('a secret that is printed in pieces, cut, or in the middle of other words', async () => {
    const path = join(machine().shared, `secret6-${options.join('')}`);
    const line = `5ecre7-${'0123456789abcdef-'.repeat(30)}`;
    const files = { [path]: { content: `${line}\nanother 5ecre7 line\n`, mode: '0600' } };
    const pieces = 'printf "another 5e"; sleep 0.1; echo from stderr >&2; sleep 0.1; echo "cre7 line"';
    for (const command of [pieces, `printf %s "$(head -n 1 ${path})"`, `printf 'at last %s' "$(head -n 1 ${path})"`]) {
      const result = await init({ files, commands: { a: { command: `${command}; exit 1` } } });
      expect(result.code).toBe(1);
      expectHidden(seen(result), ['5e', 'cre7', 'abcdef']);
    }
  });
});

describe.runIf(isRoot)('logins of packages are none of the arguments of a child', () => {
  const CALLS = '/run/tool.calls';

  /** A stand-in that leaves behind what it was called with, and what it was given to read. */
  async function standIn(path: string): Promise<void> {
    const script = `#!/bin/sh
      echo "$0 $*" >>${CALLS}
      case " $* " in *" install "*) ;; *) echo '{}'; exit 0 ;; esac
      while [ $# -gt 0 ]; do [ "$1" = -r ] && { stat -c 'mode %a' "$2"; cat "$2"; } >>/run/tool.read; shift; done
      echo "$GIT_CONFIG_PARAMETERS" >>/run/tool.read
      exit 1`;
    await machine().run(
      `rm -f ${CALLS} /run/tool.read; cat >${path}.new && chmod 755 ${path}.new && mv ${path}.new ${path}`,
      {
        input: script,
      },
    );
  }

  test('pip', async () => {
    await standIn('/usr/bin/pip3');
    const killed = '/var/cache/heat-cfntools/.cfntools-pip-999999999-abc';
    await machine().run(`mkdir -p -m 700 ${killed} && echo 5ecre7-left >${killed}/requirements.txt`);
    const python = {
      one: 'https://joe:5ecre7-one@127.0.0.1:9/one.whl',
      two: 'git+https://joe:5ecre7-two@127.0.0.1:9/two.git@main',
      three: 'https://127.0.0.1:9/three.whl?temp_url_sig=5ecre7-three',
      four: ['https://5ecre7-four@127.0.0.1:9/four.whl'],
      five: [],
    };
    const result = await cfnInit(machine(), { packages: { python } }, ['-v'], { env: NO_PROXY });
    expect(result.code).toBe(1);
    const calls = machine().read(CALLS);
    expect(calls).toMatch(/ install .*git\+https:\/\/127\.0\.0\.1:9\/two\.git@main/);
    expectHidden(calls + seen(result), ['5ecre7', Buffer.from('joe:5ecre7-two').toString('base64')]);
    const read = machine().read('/run/tool.read');
    expect(read).toContain('mode 600\n');
    for (const secret of [python.one, python.three, python.four[0], Buffer.from('joe:5ecre7-two').toString('base64')])
      expect(read).toContain(secret);
    expect(await machine().run("find /var/cache -name '*cfntools-pip*' -o -name 'requirements*'")).toMatchObject({
      code: 0,
      stdout: '',
    });
  });
});

describe('keys on the command line', () => {
  test.each([
    ['cfn-init', ['--secret-key', '5ecre7-key', '/there/is/nothing/5ecre7-key.json']],
    ['cfn-init', ['--secret-key=5ecre7-key', '--nonsense']],
    ['cfn-init', ['--secret=5ecre7-key', '-c', '5ecre7-key', '-']],
    ['cfn-init', ['--secret-keyy=5ecre7-key']],
    ['cfn-signal', ['-i', 'me', '--secret-key', '5ecre7-key', '--stack', 's', '--resource', 'r']],
    ['cfn-get-metadata', ['--secret-key', '5ecre7-key', '-s', 's', '-r', 'r']],
  ])('%s %j', async (command, args) => {
    const result = await machine().run([binary(command), ...args]);
    expect(result.code).not.toBe(0);
    expectHidden(seen(result), ['5ecre7-key']);
  });
});

describe.each([[[]], [['-v']]])('the URL of cfn-signal is a credential %j', (options: string[]) => {
  const target = '/waitcondition/arn%3Aopenstack%3Aheat/WaitHandle?Signature=5ecre7%3D&AWSAccessKeyId=k3y4711';
  const secrets = ['5ecre7', 'k3y4711'];
  const signal = (...args: string[]) =>
    machine().run([binary('cfn-signal'), ...options, '-i', 'me', ...args], { env: NO_PROXY });

  test.each<[string, Answer]>([
    ['200', { status: 200 }],
    ['403 that repeats it', { status: 403, body: `<Error><Message>no ${target} here</Message></Error>` }],
    ['302', { status: 302, headers: { Location: target } }],
  ])('answered with %s', async (_, answer) => {
    const server = await serve(answer);
    const result = await signal(server.url + target);
    expect(server.requests).toHaveLength(1);
    expectHidden(seen(result), secrets);
  });

  test('nobody listens', async () => {
    expectHidden(seen(await signal('--timeout', '0.5', `http://127.0.0.1:${await unusedPort()}${target}`)), secrets);
  });

  test.each([
    ['not quite a URL', [`htp://127.0.0.1:9${target}`]],
    ['with a space', [`http://127.0.0.1:9${target} x`]],
    ['twice', [`http://127.0.0.1:9${target}`, `http://127.0.0.1:9${target}`]],
    ['behind a wrong option', ['--nonsense', `http://127.0.0.1:9${target}`]],
    ['as the value of a wrong option', [`--nonsense=http://127.0.0.1:9${target}`]],
  ])('%s', async (_, args) => {
    const result = await signal(...args);
    expect(result.code).toBe(2);
    expectHidden(seen(result), secrets);
  });
});
