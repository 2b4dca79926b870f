import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary, project } from '../support/binary.ts';
import { useMachine, useSandbox } from '../support/use-machine.ts';

const COMMANDS = [
  'cfn-init',
  'cfn-signal',
  'cfn-hup',
  'cfn-get-metadata',
  'cfn-create-aws-symlinks',
  'cfn-push-stats',
] as const;
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
const machine = useMachine();

describe('the name it is called by', () => {
  test('a link in any directory', async () => {
    const link = join(machine().shared, 'cfn-init');
    symlinkSync(binary('cfntools'), link);
    const { code, stdout } = await machine().run([link, '--help']);
    expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: expect.stringContaining('cfn-init') });
  });

  test('a link to a link', async () => {
    const directory = join(machine().shared, 'chain');
    mkdirSync(directory);
    symlinkSync(binary('cfn-signal'), join(directory, 'first'));
    symlinkSync('first', join(directory, 'cfn-signal'));
    const { code, stdout } = await machine().run([join(directory, 'cfn-signal'), '--help']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('cfn-signal') });
  });

  test('through PATH, from another directory', async () => {
    const directory = join(machine().shared, 'bin');
    mkdirSync(directory);
    symlinkSync(binary('cfntools'), join(directory, 'cfn-push-stats'));
    const { code, stderr } = await machine().run('cfn-push-stats --aggregate', {
      cwd: machine().shared,
      env: { PATH: `${directory}:/usr/bin:/bin` },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^cfn-push-stats: warning: /) });
  });

  test('by a relative path', async () => {
    const directory = join(machine().shared, 'relative');
    mkdirSync(directory);
    symlinkSync(binary('cfntools'), join(directory, 'cfn-init'));
    const { code, stdout } = await machine().run('./cfn-init --help', { cwd: directory });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('cfn-init') });
  });

  test('cfntools COMMAND', async () => {
    const { code, stdout } = await machine().run([binary('cfntools'), 'cfn-signal', '--help']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('--exit-code') });
  });

  test('is what ps and pgrep call the process', async () => {
    const fifo = join(machine().shared, 'fifo');
    // The writer is done when its reader runs: a pipe does not hold that much.
    const { stdout } = await machine().run(`mkfifo ${fifo}
      ${binary('cfn-init')} - <${fifo} 2>/dev/null & exec 3>${fifo}
      head -c 200000 /dev/zero | tr '\\0' ' ' >&3; cat /proc/$!/comm; tr '\\0' ' ' </proc/$!/cmdline; exec 3>&-; wait`);
    expect(stdout).toBe(`cfn-init\n${binary('cfn-init')} - `);
  });

  test('an unknown command is a usage error', async () => {
    const { code, stdout, stderr } = await machine().run([binary('cfntools'), 'cfn-nonsense']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^cfntools: .*cfn-nonsense.*\n$/);
  });

  test('a link of a name that is no command is a usage error', async () => {
    const link = join(machine().shared, 'cfn-nonsense');
    symlinkSync(binary('cfntools'), link);
    expect((await machine().run([link])).code).toBe(2);
  });

  test('no command at all: help on stderr', async () => {
    const { code, stdout, stderr } = await machine().run([binary('cfntools')]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const command of COMMANDS) expect(stderr).toContain(command);
  });

  test('cfntools --help lists every command', async () => {
    const { code, stdout } = await machine().run([binary('cfntools'), '--help']);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(command);
  });
});

describe.each(COMMANDS)('%s', (command) => {
  test('--version prints one line', async () => {
    const { code, stdout, stderr } = await machine().run([binary(command), '--version']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `cfntools ${version}\n`, stderr: '' });
  });

  test.each(['--help', '-h'])('%s', async (option) => {
    const { code, stdout, stderr } = await machine().run([binary(command), option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: ${command}`);
  });
});

test('cfntools --version', async () => {
  const { code, stdout } = await machine().run([binary('cfntools'), '--version']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `cfntools ${version}\n` });
});

describe('a result that cannot be written is a failure:', () => {
  const view = useSandbox();
  const cannot = (name: string) => new RegExp(`${name}: cannot write to stdout: [^\\n]+\\n$`);
  const WAYS = [
    ['a full disk', '"$@" >/dev/full'],
    ['a closed stdout', '"$@" >&-'],
    // The command begins when its reader is gone.
    [
      'a reader that has gone',
      '{ read -r _ <&3; "$@"; echo $? >&4; } 3</run/gone 4>/run/code | { exec <&-; : >/run/gone; }',
    ],
  ] as const;
  const RESULTS: readonly (readonly [string, ...string[]])[] = [
    ...COMMANDS.map((command) => [command, '--version'] as const),
    ['cfntools', '--version'],
    ['cfntools', '--help'],
    ['cfn-init', '--help'],
    ['cfn-get-metadata', '-s', 's', '-r', 'r'],
    ['cfn-get-metadata', '-s', 's', '-r', 'r', '-k', 'a', '--raw'],
    ['cfn-hup', '--check'],
    ['cfn-hup', '--status'],
  ];

  test.each(WAYS)('%s', async (_, way) => {
    await view().run(`[ -p /run/gone ] || mkfifo /run/gone; mkdir -p /var/cache/heat-cfntools /etc/cfn/hooks.d
      echo '{"a": "b"}' >/var/cache/heat-cfntools/last_metadata; printf '[main]\nstack=s\n' >/etc/cfn/cfn-hup.conf`);
    for (const [name, ...args] of RESULTS) {
      const script = way.includes('/run/code') ? `${way}; exit "$(cat /run/code)"` : way;
      const { code, stderr } = await view().run(['sh', '-c', script, 'sh', binary(name), ...args]);
      expect({ name, args, code, stderr }).toEqual({
        name,
        args,
        code: 1,
        stderr: expect.stringMatching(cannot(name)),
      });
    }
  });

  test('where it is thrown away, it is written', async () => {
    for (const [name] of RESULTS)
      expect((await view().run(['sh', '-c', '"$0" --version >/dev/null', binary(name)])).code).toBe(0);
  });
});

describe('the compatibility style', () => {
  const settings = (text: string): string => {
    const root = join(machine().shared, 'styles');
    mkdirSync(join(root, 'etc/cfn'), { recursive: true });
    writeFileSync(join(root, 'etc/cfn/cfntools.conf'), text);
    return root;
  };
  // A name that --compat heat only warns about.
  const document = JSON.stringify({ 'AWS::CloudFormation::Init': { config: { packages: { apt: { 'a^': [] } } } } });
  const IS_HEAT = { code: 0 };
  const IS_AWS = { code: 1, stderr: expect.stringContaining('a^') };
  const is = (line: string) => ({ code: 1, stderr: expect.stringMatching(new RegExp(`\ncfn-init: ${line}\n$`)) });

  test.each<[file: string, variable: string | undefined, option: string | undefined, expected: object]>([
    ['', undefined, undefined, IS_AWS],
    ['compat = heat\n', undefined, undefined, IS_HEAT],
    ['compat = heat\n', '', undefined, IS_HEAT],
    ['compat = heat\n', '', '', IS_HEAT],
    ['compat = heat\n', 'aws', undefined, IS_AWS],
    ['compat = heat\n', undefined, 'aws', IS_AWS],
    ['', 'heat', undefined, IS_HEAT],
    ['compat =\n', undefined, undefined, IS_AWS],
    [
      '# ours\n[main]\nCompat = haet\n',
      undefined,
      undefined,
      is('unknown compatibility style "haet": /etc/cfn/cfntools.conf:3: write heat or aws'),
    ],
    [
      'compat\n',
      undefined,
      undefined,
      is('unknown compatibility style "true": /etc/cfn/cfntools.conf:1: write heat or aws'),
    ],
    ['', 'on', undefined, is('unknown compatibility style "on": CFN_COMPAT: write heat or aws')],
    // What wins is used, and what loses is not looked at.
    ['compat = haet\n', 'heat', undefined, IS_HEAT],
    ['compat = heat\n', 'haet', 'heat', IS_HEAT],
  ])('%j, CFN_COMPAT=%s, --compat %s', async (file, variable, option, expected) => {
    const args = option === undefined ? [] : ['--compat', option];
    const env = { PATH: process.env['PATH'] ?? '', ...(variable === undefined ? {} : { CFN_COMPAT: variable }) };
    const command = [binary('cfn-init'), '--root', settings(file), ...args, '-'];
    expect(await machine().run(command as [string, ...string[]], { input: document, env })).toMatchObject(expected);
  });
});

describe('usage errors are one line on stderr and exit 2', () => {
  test.each<[string, string[]]>([
    ['cfn-init', ['--nonsense']],
    ['cfn-init', ['-x']],
    ['cfn-init', ['one.json', 'two.json']],
    ['cfn-init', ['-s']],
    ['cfn-init', ['--stack']],
    ['cfn-init', ['--re', 'x', '-']],
    ['cfn-init', ['-r', '-s', 'stack']],
    ['cfn-init', ['--root', '/etc/passwd', '-']],
    ['cfn-init', ['--compat', 'nonsense', '-']],
    ['cfn-init', ['-s', 'stack', '-r', '../../etc/passwd']],
    ['cfn-signal', []],
    ['cfn-signal', ['--nonsense', 'http://127.0.0.1:9/']],
    ['cfn-signal', ['-e']],
    ['cfn-signal', ['not a url']],
    ['cfn-signal', ['ftp://127.0.0.1/x']],
    ['cfn-signal', ['http://127.0.0.1:9/', 'http://127.0.0.1:9/']],
    ['cfn-signal', ['-i', 'me', '--timeout', 'soon', 'http://127.0.0.1:9/']],
    ...['0', '-1', '10s', 'NaN', '1e309', 'Infinity', ' '].map((seconds): [string, string[]] => [
      'cfn-signal',
      ['-i', 'me', '--timeout', seconds, 'http://127.0.0.1:9/'],
    ]),
    ['cfn-create-aws-symlinks', ['--nonsense']],
    ['cfn-create-aws-symlinks', ['operand']],
    ['cfn-hup', ['--nonsense']],
    ['cfn-get-metadata', ['--nonsense']],
  ])('%s %j', async (command, args) => {
    const { code, stdout, stderr } = await machine().run([binary(command), ...args]);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^${command}: [^\\n]+\\n$`)),
    });
  });
});

describe('long options may be shortened and joined as argparse allows', () => {
  test.each([
    [['--conf', 'two', '-']],
    [['--configsets=two', '-']],
    [['-ctwo', '-']],
    [['-', '-c', 'two']],
    [['-vctwo', '-']],
    [['-v', '--configs=two', '--', '-']],
    [['--stac=s', '--reso', 'r', '--regio', 'x', '-c', 'two', '-']],
  ])('cfn-init %j', async (args) => {
    const document = { configSets: { one: ['a'], two: [] }, a: {} };
    const { code, stderr } = await machine().run([binary('cfn-init'), ...args], {
      input: JSON.stringify({ 'AWS::CloudFormation::Init': document }),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('no config set') });
  });
});
