import { beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata } from '../support/cfn-init.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const LOG = '/var/log/cfn-init.log';
const CONFIG = {
  files: { '/srv/logged': { content: 'a' } },
  commands: {
    '01_slow': { command: 'sleep 2.2' },
    '02_not': { command: 'true', test: 'false' },
    '03_bad': { command: 'exit 3' },
  },
};
const QUICK = { ...CONFIG, commands: { '03_bad': { command: 'exit 3' } } };

beforeEach(async () => {
  await view().run('rm -rf /var/log/cfn-* /srv/logged /srv/document.json; mkdir -p /srv');
});

describe.runIf(isInstalled('script'))('on a terminal', () => {
  /** What a person sees; TERM and the like as given, what the shell says of redirections too. */
  async function seen(words: string, environment: string, config: object = CONFIG): Promise<string> {
    await view().run('cat >/srv/document.json', { input: metadata(config as typeof CONFIG) });
    const command = `env -u NO_COLOR ${environment} ${binary('cfn-init')} /srv/document.json ${words}`;
    const { stdout } = await view().run(['script', '-qec', command, '/dev/null']);
    return stdout.replaceAll('\r\n', '\n').replaceAll(/ [\d.]+ m?s\b(?!\r|\x1b\[K)/g, ' TIME');
  }

  test('steps and errors have colours, and a slow step shows that it goes on', async () => {
    const text = await seen('', 'TERM=xterm');
    expect(text).toContain('\x1b[32mfiles     changed    /srv/logged  (created, 0644)  TIME\x1b[0m\n');
    expect(text).toContain('\r\x1b[Kcommands 01_slow ...');
    expect(text).toMatch(/\r\x1b\[K\x1b\[32mcommands {2}changed {4}01_slow/);
    expect(text).toMatch(/\x1b\[33mcommands {2}skipped {4}02_not [^\n]*\x1b\[0m\n/);
    expect(text).toMatch(/\x1b\[31mcommands {2}failed {5}03_bad [^\n]*\x1b\[0m\n/);
    expect(text).toMatch(/\n\x1b\[31mcfn-init: the command ended with exit code 3[^\n]*\x1b\[0m\n$/);
  });

  test('NO_COLOR takes the colours, not the progress', async () => {
    const text = await seen('', 'TERM=xterm NO_COLOR=1');
    expect(text).not.toMatch(/\x1b\[\d+m/);
    expect(text).toContain('\r\x1b[Kcommands 01_slow ...');
  });

  test.each(['TERM=dumb', '-u TERM'])('%s: as in a pipe', async (environment) => {
    expect(await seen('', environment)).not.toMatch(/\x1b|\r/);
  });

  test.each([
    ['stdout is a file: only stderr is coloured', '>/srv/out', /^\x1b\[31mcfn-init: [^\n]*\x1b\[0m\n$/],
    ['stderr is a file: only stdout is coloured, without progress', '2>/srv/out', /^\x1b\[32mfiles [^\r]*\n$/],
  ])('%s', async (_, redirection, expected) => {
    const text = await seen(redirection, 'TERM=xterm', QUICK);
    expect(text).toMatch(expected);
    expect(view().read('/srv/out')).not.toMatch(/\x1b|\r/);
  });

  test('with -v unchanged steps are dim', async () => {
    const config = { files: CONFIG.files };
    await cfnInit(view(), config);
    expect(await seen('-v', 'TERM=xterm', config)).toMatch(
      /^\x1b\[2mcfn-init: files {5}begins [^\n]*\x1b\[0m\n\x1b\[2mcfn-init: files {5}unchanged [^\n]*\x1b\[0m\n/,
    );
  });
});

describe('in a pipe', () => {
  test('nothing but the text is there, whatever TERM says', async () => {
    const env = { PATH: '/usr/bin:/bin', TERM: 'xterm-256color' };
    const { stdout, stderr } = await cfnInit(view(), CONFIG, [], { env });
    expect(stdout.replaceAll(/\d+(\.\d+)? m?s\b/g, 'TIME')).toBe(
      [
        'files     changed    /srv/logged  (created, 0644)  TIME',
        'commands  changed    01_slow  (ran)  TIME',
        'commands  skipped    02_not  (its test ended with exit code 1)  TIME',
        'commands  failed     03_bad  TIME',
        'cfn-init: 2 changed, 1 skipped, 1 failed in TIME',
        '',
      ].join('\n'),
    );
    expect(stderr).toBe(
      'cfn-init: the command ended with exit code 3: commands "03_bad": it printed nothing: see /var/log/cfn-init.log\n',
    );
  });
});

describe('a step that takes its time', () => {
  test('is in the log when it begins, and so are the lines of its command as they come, without secrets', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKC\\n-----END PRIVATE KEY-----';
    const script = `printf 'a hunter22-'; sleep 0.4; echo 'and-more b'; printf '${key}\\n'
      printf '\\033[1mloud\\033[0m \\001\\n'
      for i in $(seq 200); do grep -q loud ${LOG} && break; sleep 0.05; done
      cp ${LOG} /srv/meanwhile; echo last`;
    const { code, stderr } = await cfnInit(view(), {
      files: { '/srv/logged': { content: 'hunter22-and-more\n', mode: '000600' } },
      commands: { '01_slow': { command: script } },
    });
    expect([code, stderr]).toEqual([0, '']);
    const meanwhile = view().read('/srv/meanwhile');
    expect(meanwhile).toMatch(/INFO commands {2}begins {5}01_slow\n[^\n]* DEBUG 01_slow: a \[redacted\] b\n/);
    expect(meanwhile).toMatch(/ loud \\x01\n/);
    const log = view().read(LOG);
    expect(log.slice(0, meanwhile.length)).toBe(meanwhile);
    expect(log.slice(meanwhile.length)).toMatch(/DEBUG 01_slow: last\n[^\n]*INFO commands {2}changed/);
    expect(log).not.toMatch(/hunter22|and-more|MIIE|\x1b/);
  });

  test('with -v the same is on stderr; an unchanged second run says nothing there without it', async () => {
    const config = { files: { '/srv/logged': { content: 'a' } } };
    await cfnInit(view(), config);
    const { stdout, stderr } = await cfnInit(view(), config);
    expect([stdout.split('\n').length, stderr]).toEqual([2, '']);
    const loud = await cfnInit(view(), { ...config, commands: { '01_x': { command: 'echo one' } } }, ['-v']);
    expect(loud.stderr).toMatch(
      /cfn-init: commands {2}begins {5}01_x\ncfn-init: 01_x: one\ncfn-init: commands {2}changed/,
    );
  });
});

describe('a failure', () => {
  test('behind a line that is hidden to its end says where the log is', async () => {
    const { stderr } = await cfnInit(view(), { commands: { a: { command: 'echo X-Auth-Token: abc; exit 3' } } });
    expect(stderr).toMatch(/: it printed last: X-Auth-Token: \[redacted\]: see \/var\/log\/cfn-init\.log\n$/);
  });

  test('is told once, with the last ten lines that the command printed, and where the log is', async () => {
    const command = 'for i in $(seq 15); do echo "line $i."; done; exit 3';
    const { stdout, stderr } = await cfnInit(view(), { commands: { '03_bad': { command } } });
    expect(`${stdout}${stderr}`.match(/exit code 3/g)).toHaveLength(1);
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).toBe('cfn-init: the last 10 lines of its output:');
    expect(lines.slice(1, -1)).toEqual(Array.from({ length: 10 }, (_, n) => `    line ${n + 6}.`));
    expect(lines.at(-1)).toMatch(
      /^cfn-init: the command ended with exit code 3: .*: it printed last: line 15\.: see \/var\/log\/cfn-init\.log$/,
    );
    expect(
      view()
        .read(LOG)
        .match(/line 15\.$/gm),
    ).toHaveLength(1);
  });
});

describe('the log file', () => {
  test('that is a link of root is written, one that others can change is refused, with a word', async () => {
    await view().run(`chmod 755 /var/log; ln -s /srv/elsewhere.log ${LOG}`);
    expect((await cfnInit(view(), { commands: { a: { command: 'true' } } })).stderr).toBe('');
    expect(view().read('/srv/elsewhere.log')).toMatch(/commands {2}changed {4}a /);
    await view().run('chmod 775 /var/log; : >/srv/elsewhere.log');
    const { code, stderr } = await cfnInit(view(), { commands: { a: { command: 'true' } } });
    await view().run('chmod 755 /var/log');
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^cfn-init: warning: there is no log: cannot write: will not follow the symbolic link: [^\n]*\n$/,
    );
    expect(view().read('/srv/elsewhere.log')).toBe('');
  });

  test('over 10 MiB is renamed once, by many at once, and each line is in one of the two', async () => {
    await view().run(`head -c 10485761 /dev/zero | tr '\\0' x >${LOG}; chmod 644 ${LOG}; echo older >${LOG}.1`);
    const runs = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((number) => cfnInit(view(), { commands: { [`run-${number}`]: { command: 'true' } } })),
    );
    // They take turns, and say so in the log at the same time.
    const others = runs.map(({ code, stderr }) => [code, stderr.replace(/^cfn-init: warning: another .*\n/gm, '')]);
    expect(others).toEqual(runs.map(() => [0, '']));
    expect((await view().run(`stat -c %a ${LOG} ${LOG}.1; ls -A /var/log | grep cfntools`)).stdout).toBe('600\n600\n');
    const [now, before] = [view().read(LOG), view().read(`${LOG}.1`)];
    expect(before.startsWith('x'.repeat(10485761))).toBe(true);
    expect(now.length).toBeLessThan(10_000);
    for (const number of [1, 2, 3, 4, 5, 6])
      expect(now + before.slice(10485761)).toMatch(new RegExp(`changed +run-${number} `));
  }, 60_000);

  test('is the only place where there is no journal: no other program is run', async () => {
    await view().run(
      `mv /usr/bin/logger /usr/bin/logger.away; printf '#!/bin/sh\\ntouch /srv/called\\n' >/usr/bin/logger; chmod 755 /usr/bin/logger`,
    );
    expect((await cfnInit(view(), QUICK)).code).toBe(1);
    await view().run('sleep 0.5');
    expect(view().exists('/srv/called')).toBe(false);
    expect(view().read(LOG)).toMatch(/ERROR the command ended with exit code 3/);
  });
});

describe('what is handed to the journal', () => {
  const SOCKET = '/run/systemd/journal/socket';
  const RECORDER = `#!/bin/sh
{ tr '\\0' ' ' <"/proc/$$/cmdline"; echo; tr '\\0' ' ' <"/proc/$$/environ"; echo; cat; echo END; } >>/srv/logger
`;

  test('is on stdin, never in arguments or environment, and leaves neither file nor process', async () => {
    await view().run(
      `cat >/usr/bin/logger; chmod 755 /usr/bin/logger; mkdir -p ${SOCKET.slice(0, -7)}; touch ${SOCKET}`,
      {
        input: RECORDER,
      },
    );
    const config = {
      files: { '/srv/logged': { content: 'hunter22 secret', mode: '000600' } },
      commands: { '01_bad': { command: 'cat /srv/logged; echo "\'.\'"; echo .; exit 3' } },
    };
    expect((await cfnInit(view(), config, [], { env: { PATH: '/usr/bin:/bin', TOP: '5ecre7-of-caller' } })).code).toBe(
      1,
    );
    await view().run('for i in $(seq 50); do grep -q ^CFN_EXIT_CODE /srv/logger && break; sleep 0.1; done');
    const handed = view().read('/srv/logger');
    await view().run(`rm -f ${SOCKET}; mv /usr/bin/logger.away /usr/bin/logger`);
    // The begin of a step that took longer than a second, on a busy machine.
    const calls = handed.split(/^END$/m).filter((call) => call.trim() !== '' && !/^MESSAGE=\w+ +begins /m.test(call));
    expect(calls).toHaveLength(4); // begun, changed, failed, ended
    for (const call of calls) expect(call).toMatch(/^\/bin\/sh \/usr\/bin\/logger --journald $/m);
    expect(handed).toMatch(
      /^MESSAGE=commands {2}failed .*\nMESSAGE_ID=9f0267ee038a46ac87b2d833ff0b9a85\nPRIORITY=3\n/m,
    );
    expect(handed).not.toMatch(/hunter22|5ecre7/);
    // Other programs on this machine have files there too.
    const left = "find /dev/shm /tmp -maxdepth 1 -type f -newer /srv/logged -exec grep -l '^MESSAGE_ID=' {} +";
    expect((await view().run(left)).stdout).toBe('');
  });
});

describe('the console of a machine whose cloud-init is under way', () => {
  const LINE = 'the command ended with exit code 3: commands "03_bad": it printed nothing: see /var/log/cfn-init.log';
  const STATUS = '/run/cloud-init/status.json';
  /** Makes a pseudo terminal the console, runs its argument, and prints what is on the console then. */
  const ON_CONSOLE = `
import os, pty, select, subprocess, sys
screen, console = pty.openpty()
subprocess.run(['mount', '--bind', os.ttyname(console), '/dev/console'], check=True)
try:
    subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
finally:
    subprocess.run(['umount', '/dev/console'], check=True)
while select.select([screen], [], [], 0)[0]:
    sys.stdout.write(os.read(screen, 4096).decode())
`;
  const onConsole = async (words: readonly string[]): Promise<string> =>
    (await view().run(['python3', '-c', ON_CONSOLE, ...words])).stdout;

  beforeEach(async () => {
    await view().run(`mkdir -p ${STATUS.slice(0, -12)} /srv; echo {} >${STATUS}; cat >/srv/document.json`, {
      input: metadata(QUICK),
    });
    return async () => void (await view().run(`rm ${STATUS}`));
  });

  test.runIf(isInstalled('python3'))('has the error of cfn-init and of cfn-signal', async () => {
    expect(await onConsole([binary('cfn-init'), '/srv/document.json'])).toBe(`cfn-init: ${LINE}\r\n`);
    expect(await onConsole([binary('cfn-signal'), '-e', '0', 'ftp://nowhere/'])).toMatch(/^cfn-signal: [^\n]+\r\n$/);
    const document = '{"AWS::CloudFormation::Init": {"config": {}}}';
    expect(await onConsole(['sh', '-c', `echo '${document}' | ${binary('cfn-init')} -`])).toBe('');
    expect(await onConsole([binary('cfn-init'), '--root', '/srv', '/srv/missing.json'])).toBe('');
  });

  test.each([
    ['that nobody reads', ''],
    // The reader has it open and takes nothing.
    [
      'that is full',
      'exec 9<>/srv/console; dd if=/dev/zero of=/srv/console oflag=nonblock bs=64k count=2 2>/dev/null;',
    ],
  ])('holds nothing up when it is one %s', async (_, fill) => {
    const { code, stderr } = await view().run(
      `mkfifo /srv/console; mount --bind /srv/console /dev/console; ${fill}
      timeout -s KILL 30 ${binary('cfn-init')} /srv/document.json; code=$?
      umount /dev/console; rm /srv/console; exit $code`,
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: `cfn-init: ${LINE}\n` });
  });
});
