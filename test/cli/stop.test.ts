/** SIGTERM ends each command within two seconds, whatever it waits for, and leaves nothing running that it has started. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, metadata } from '../support/cfn-init.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['python3']);
/** Milliseconds from SIGTERM to the end. What hangs here would hang for ten minutes. */
const SOON = 2000;
/** A busy machine may keep even a process waiting that ends at once. What really waits does so each time. */
const ATTEMPTS = 3;
let count = 0;

/** Takes connections and datagrams, leaves a mark, and says nothing. */
const SILENT = `
import select, socket, sys
mark = sys.argv[1]
http, dns = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
http.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
http.bind(('127.0.0.1', 8001)); http.listen(); dns.bind(('127.0.0.1', 53))
print('there', flush=True)
while True:
    for ready in select.select([http, dns], [], [])[0]:
        kept = ready.accept() if ready is http else ready.recv(9999)
        open(mark, 'a').close()
`;
/** Runs a program with a socket as its stdin into which nobody writes. */
const WITH_SOCKET =
  'import os, socket, sys; a, b = socket.socketpair(); os.dup2(b.fileno(), 0); b.close(); os.set_inheritable(a.fileno(), True); os.execvp(sys.argv[1], sys.argv[1:])';

beforeAll(async () => {
  if (!isRoot) return;
  writeFileSync(join(view().shared, 'silent.py'), SILENT);
  const { stdout, stderr } = await view().run(
    `rm -f /etc/resolv.conf; echo 'nameserver 127.0.0.1' >/etc/resolv.conf
     sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
     rm -rf /var/lib/cloud /var/lib/heat-cfntools /var/cache/heat-cfntools /etc/cfn
     setsid python3 ${view().shared}/silent.py ${view().shared}/asked </dev/null >/run/silent 2>&1 & disown
     for _ in $(seq 100); do grep -q there /run/silent 2>/dev/null && break; sleep 0.1; done; cat /run/silent`,
  );
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringContaining('there'), stderr: '' });
});

interface Place {
  readonly directory: string;
  /** There once the command hangs. */
  readonly mark: string;
  /** Puts a program in the place of another: one that hangs, and ignores what it is told. */
  standIn(name: string, script?: string): void;
}

function newPlace(): Place {
  const directory = join(view().shared, `place-${count++}`);
  mkdirSync(join(directory, 'bin'), { recursive: true });
  const mark = join(directory, 'mark');
  const hang = `trap '' TERM INT HUP; echo $$ >>${directory}/pids; touch ${mark}; while :; do sleep 600; done`;
  const standIn = (name: string, script = hang): void =>
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { directory, mark, standIn };
}

interface Stopped {
  readonly code: number;
  readonly stderr: string;
  /** From the last signal to the end, on the clock of the kernel that nobody sets. */
  readonly milliseconds: number;
  /** The stand-ins that are still there. */
  readonly left: string;
}

/** Runs a script that is to be replaced by the command, and sends SIGTERM once there is a mark. */
async function stopped({ directory, mark }: Place, command: string, signals = 1): Promise<Stopped> {
  const script = `
    export PATH=${directory}/bin:$PATH
    now() { awk '{ printf "%d\\n", $1 * 1000 }' /proc/uptime; }
    ${command} & pid=$!
    for _ in $(seq 1500); do [ -e ${mark} ] && break; sleep 0.02; done
    for _ in $(seq ${signals - 1}); do kill $pid; sleep 1; done
    begin=$(now); kill $pid; wait $pid; code=$?; end=$(now)
    echo $((end - begin)) >${directory}/milliseconds
    for one in $(cat ${directory}/pids 2>/dev/null); do
      for _ in 1 2 3 4 5 6 7 8 9 10; do grep -qs '^State:.[^Z]' /proc/$one/status || break; sleep 0.05; done
      grep -hs '^State:.[^Z]' /proc/$one/status
    done >${directory}/left
    for one in $(cat ${directory}/pids 2>/dev/null); do kill -KILL -- -$one $one 2>/dev/null; done
    exit $code`;
  const { code, stderr } = await view().run(script, { timeout: 60_000 });
  const { stdout } = await view().run(`cat ${directory}/milliseconds ${directory}/left`);
  const [milliseconds = '', ...left] = stdout.split('\n');
  return {
    code,
    stderr: stderr.replace(/^.*Terminated.*\n/gm, ''),
    milliseconds: Number(milliseconds),
    left: left.join(''),
  };
}

/** @param prepare makes what hangs. @returns the command */
async function expectSoon(prepare: (place: Place) => string | Promise<string>, code = 143): Promise<Stopped> {
  let last: Stopped | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await view().run(
      `rm -rf ${view().shared}/asked /run/cfn-init /run/cfn-hup /var/lib/cfn-hup /etc/cfn /run/systemd/system`,
    );
    const place = newPlace();
    last = await stopped(place, await prepare(place));
    expect({ code: last.code, left: last.left }).toEqual({ code, left: '' });
    expect((await view().run(`[ -e ${place.mark} ] && echo it hung`)).stdout).toBe('it hung\n');
    if (last.milliseconds < SOON) break;
  }
  expect(last?.milliseconds).toBeLessThan(SOON);
  return last as Stopped;
}

const later = ({ mark }: Place): string => `(sleep 0.7; touch ${mark}) & exec`;
const whenAsked = ({ mark }: Place): string =>
  `(until [ -e ${view().shared}/asked ]; do sleep 0.02; done; touch ${mark}) & exec`;
const inShell = (script: string): string => `bash --norc -c '${script}'`;

function init(place: Place, config: ConfigDocument): string {
  writeFileSync(join(place.directory, 'document.json'), metadata(config));
  return `${binary('cfn-init')} ${place.directory}/document.json`;
}

async function hup(url: string, action = 'true', runas = 'root'): Promise<void> {
  await view().run(
    `mkdir -p /etc/cfn; printf '[main]\\nstack=s\\nurl=${url}\\ncredential-file=/etc/cfn/keys\\n' >/etc/cfn/cfn-hup.conf
     printf '[h]\\ntriggers=post.add\\npath=Resources.r.Metadata\\naction=${action}\\nrunas=${runas}\\n' >/etc/cfn/hooks.conf
     printf 'AWSAccessKeyId=AK\\nAWSSecretKey=s3cret-key\\n' >/etc/cfn/keys; chmod 600 /etc/cfn/*`,
  );
}

describe('cfn-init, while it waits for', () => {
  const file = { '/srv/x': { content: 'x', owner: 'of-ldap' } };
  test.each<[what: string, standIn: string, config: ConfigDocument, step: string]>([
    ['getent', 'getent', { files: file }, 'files "/srv/x"'],
    ['id', 'id', { commands: { a: { command: 'true', runas: 'nobody' } } }, 'commands "a"'],
    ['apt-cache', 'apt-cache', { packages: { apt: { 'no-such-package': '1.0' } } }, 'packages apt'],
    ['dpkg-query', 'dpkg-query', { packages: { apt: { 'no-such-package': [] } } }, 'packages apt'],
    [
      'systemctl',
      'systemctl',
      { services: { systemd: { nginx: { ensureRunning: 'true' } } } },
      'services systemd "nginx"',
    ],
  ])('%s', async (_, standIn, config, step) => {
    const { stderr } = await expectSoon(async (place) => {
      if (standIn === 'systemctl') await view().run('mkdir -p /run/systemd/system');
      place.standIn(standIn);
      // Elsewhere dpkg's file is read without a program.
      return `env DPKG_ADMINDIR=/var/lib/dpkg ${init(place, config)}`;
    });
    expect(stderr).toMatch(/^cfn-init: warning: SIGTERM: ending (?:files|commands|packages|services) /);
    expect(stderr).toContain(`cfn-init: ended by SIGTERM: ${step}`);
    const log = view().read('/var/log/cfn-init.log');
    expect(log).toContain(`ERROR ended by SIGTERM: ${step}`);
  });

  test('rpm', () =>
    expectSoon((place) => {
      place.standIn('yum', 'exit 1');
      place.standIn('rpm');
      return init(place, { packages: { yum: { 'no-such-package': [] } } });
    }));

  test('pip', () =>
    expectSoon(async (place) => {
      place.standIn('pip3');
      await view().run(`rm -f /usr/bin/pip3 /usr/bin/pip; cp ${place.directory}/bin/pip3 /usr/bin/pip3`);
      return init(place, { packages: { python: { 'no-such-package': [] } } });
    }));

  test('flock, for the lock of a run that was killed', async () => {
    const { stderr } = await expectSoon(async (place) => {
      place.standIn('flock');
      await view().run('mkdir -m 700 -p /run/cfn-init; echo junk >/run/cfn-init/run.lock');
      return init(place, { commands: { a: { command: 'true' } } });
    });
    expect(stderr).toContain('cfn-init: ended by SIGTERM: the wait for another cfn-init: nothing was changed');
  });

  test('a command', () =>
    expectSoon((place) => {
      const command = `echo $$ >${place.directory}/pids; touch ${place.mark}; sleep 600; :`;
      return init(place, { commands: { a: { command } } });
    }));

  test('a FIFO that nobody writes to', async () => {
    const { stderr } = await expectSoon(async (place) => {
      await view().run(['mkfifo', `${place.directory}/fifo`]);
      return inShell(`${later(place)} ${binary('cfn-init')} ${place.directory}/fifo`);
    });
    expect(stderr).toContain('cfn-init: ended by SIGTERM: the read of the document');
  });

  test('useradd, which is not killed half way: a second signal leaves it to itself', async () => {
    const place = newPlace();
    place.standIn('useradd');
    const { code, stderr, left } = await stopped(place, init(place, { users: { 'one-more': {} } }), 2);
    expect({ code, stderr, left }).toEqual({
      code: 143,
      stderr: expect.stringMatching(
        /SIGTERM: ending users one-more\n.*waiting for useradd \(process \d+\) to end, 60 s at most\n.*SIGTERM again: exiting at once/,
      ),
      left: expect.stringContaining('State:'),
    });
  });
});

describe('cfn-signal, while it waits for', () => {
  const signal = `${binary('cfn-signal')} -e 0 http://127.0.0.1:8001/x`;

  test('blkid', () =>
    expectSoon((place) => {
      place.standIn('blkid');
      return signal;
    }));

  test('mount', () =>
    expectSoon((place) => {
      place.standIn('blkid', 'echo /dev/null');
      place.standIn('mount');
      return signal;
    }));

  test('the answer of the server', () => expectSoon((place) => inShell(`${whenAsked(place)} ${signal} -i me`)));

  test('the handle, from a FIFO', () =>
    expectSoon(async (place) => {
      await view().run(['mkfifo', `${place.directory}/fifo`]);
      return inShell(`${later(place)} ${binary('cfn-signal')} -i me @${place.directory}/fifo`);
    }));

  test('the handle, from a socket', () =>
    expectSoon((place) => {
      writeFileSync(join(place.directory, 'with-socket.py'), WITH_SOCKET);
      return inShell(`${later(place)} python3 ${place.directory}/with-socket.py ${binary('cfn-signal')} -i me -`);
    }));

  test('the handle, from a socket, for as long as --timeout says', async () => {
    const place = newPlace();
    writeFileSync(join(place.directory, 'with-socket.py'), WITH_SOCKET);
    const command = [
      'python3',
      `${place.directory}/with-socket.py`,
      binary('cfn-signal'),
      '-i',
      'me',
      '--timeout',
      '1',
      '-',
    ];
    const { code, stderr } = await view().run(command, { timeout: 30_000 });
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-signal: no data arrived within 1 s: stdin: [^\n]+\n$/),
    });
  });

  test('blkid, for as long as --timeout says, and leaves it not behind', async () => {
    const place = newPlace();
    place.standIn('blkid');
    const { code } = await view().run(`PATH=${place.directory}/bin:$PATH ${signal} --timeout 2`, { timeout: 30_000 });
    const { stdout } = await view().run(
      `sleep 0.3; grep -hs '^State:.[^Z]' /proc/$(cat ${place.directory}/pids)/status`,
    );
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
  });
});

describe.each([
  ['cfn-init', '-s s -r r'],
  ['cfn-get-metadata', '-s s -r r'],
])('%s, while it waits for', (command, options) => {
  const keys = '--access-key a --secret-key b';

  test('the answer of Heat', () =>
    expectSoon((place) =>
      inShell(`${whenAsked(place)} ${binary(command)} ${options} ${keys} --url http://127.0.0.1:8001`),
    ));

  test('a name server', () =>
    expectSoon((place) =>
      inShell(`${whenAsked(place)} ${binary(command)} ${options} ${keys} --url http://heat.example.test:8000`),
    ));

  test('the credentials, from a FIFO', () =>
    expectSoon(async (place) => {
      await view().run(['mkfifo', `${place.directory}/fifo`]);
      const access = `-f ${place.directory}/fifo --url http://127.0.0.1:8001`;
      return inShell(`${later(place)} ${binary(command)} ${options} ${access}`);
    }));
});

describe('cfn-hup, while it waits for', () => {
  test('flock', () =>
    expectSoon(async (place) => {
      place.standIn('flock');
      await hup('http://127.0.0.1:8001');
      return `${binary('cfn-hup')} -f`;
    }));

  test('flock, as a daemon that is about to start', () =>
    expectSoon(async (place) => {
      place.standIn('flock');
      await hup('http://127.0.0.1:8001');
      return `${binary('cfn-hup')} --daemon`;
    }));

  test.each([
    ['the answer of Heat', 'http://127.0.0.1:8001'],
    ['a name server', 'http://heat.example.test:8000'],
  ])('%s, in a pass and as a daemon', async (_, url) => {
    await expectSoon(async (place) => {
      await hup(url);
      return inShell(`${whenAsked(place)} ${binary('cfn-hup')} -f`);
    });
    await expectSoon(async (place) => {
      await hup(url);
      return inShell(`${whenAsked(place)} ${binary('cfn-hup')} --daemon`);
    }, 0);
  });

  test('systemctl, for --status', () =>
    expectSoon(async (place) => {
      place.standIn('systemctl');
      await hup('http://127.0.0.1:8001');
      await view().run('mkdir -p /run/systemd/system');
      return `${binary('cfn-hup')} --status`;
    }));

  test('getent, for --check', () =>
    expectSoon(async (place) => {
      place.standIn('getent');
      await hup('http://127.0.0.1:8001', 'true', 'of-ldap');
      return `${binary('cfn-hup')} --check`;
    }));
});
