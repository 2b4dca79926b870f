import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createNotifier } from '../../../src/system/notify.ts';
import { isInstalled } from '../../support/use-machine.ts';
import { temporaryRoot } from '../temporary-root.ts';

/** A systemd-notify that notes what it is called with: its socket, its arguments. */
function recorder(script = 'echo "$NOTIFY_SOCKET ${WATCHDOG_USEC-} $*" >>"$(dirname "$0")/calls"'): {
  readonly path: string;
  readonly calls: () => string[];
} {
  const { root } = temporaryRoot();
  writeFileSync(`${root}/systemd-notify`, `#!/bin/sh\n${script}\n`);
  chmodSync(`${root}/systemd-notify`, 0o755);
  const file = `${root}/calls`;
  return {
    path: `${root}:/usr/bin:/bin`,
    calls: () => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []),
  };
}

it('without a service manager nothing is started', async () => {
  const { path, calls } = recorder();
  for (const socket of [undefined, '']) {
    const notifier = createNotifier({ PATH: path, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000' });
    notifier.send('READY=1');
    const unwatch = notifier.watch(() => true);
    await sleep(100);
    unwatch();
    await notifier.drain();
  }
  expect(calls()).toEqual([]);
});

it('what is for us alone is taken out of the environment', () => {
  const environment = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '1', WATCHDOG_PID: '1', OTHER: 'x' };
  createNotifier(environment);
  expect(environment).toEqual({ OTHER: 'x' });
});

it('sends in order, one call for each; drain ends when all is sent', async () => {
  const slow =
    'case $1 in READY=1) sleep 0.3 ;; esac; echo "$NOTIFY_SOCKET ${WATCHDOG_USEC-} $*" >>"$(dirname "$0")/calls"';
  const { path, calls } = recorder(slow);
  const notifier = createNotifier({ PATH: path, NOTIFY_SOCKET: '@s', WATCHDOG_USEC: '9' });
  notifier.send('READY=1', 'STATUS=Two words.');
  notifier.send('STOPPING=1');
  await notifier.drain();
  expect(calls()).toEqual(['@s  READY=1 STATUS=Two words.', '@s  STOPPING=1']);
});

it.each<[name: string, watched: string | undefined, usec: string, isAlive: boolean, isTold: boolean]>([
  ['who is alive says so', undefined, '200000', true, true],
  ['also when it is named by its id', String(process.pid), '200000', true, true],
  ['who is not does not', undefined, '200000', false, false],
  ['nor who is not meant', '1', '200000', true, false],
  ['nor where there is no watchdog', undefined, 'infinity', true, false],
])('the watchdog: %s', async (_, watched, usec, isAlive, isTold) => {
  const { path, calls } = recorder();
  const environment = { PATH: path, NOTIFY_SOCKET: '/s', WATCHDOG_USEC: usec, WATCHDOG_PID: watched };
  const notifier = createNotifier(environment);
  const unwatch = notifier.watch(() => isAlive);
  for (let waited = 0; waited < (isTold ? 10_000 : 500) && calls().length < 2; waited += 20) await sleep(20);
  unwatch();
  await notifier.drain();
  const said = calls();
  expect(new Set(said)).toEqual(new Set(isTold ? ['/s  WATCHDOG=1'] : []));
  await sleep(300);
  expect(calls()).toEqual(said);
});

it('no systemd-notify, and one that fails, are no failure', async () => {
  for (const path of ['/nonexistent', recorder('exit 1').path]) {
    const notifier = createNotifier({ PATH: path, NOTIFY_SOCKET: '/s' });
    notifier.send('READY=1');
    notifier.send('STOPPING=1');
    await notifier.drain();
  }
});

const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
receiver.settimeout(20)
print('bound', flush=True)
said = b''
while said != b'STOPPING=1':
    said = receiver.recv(4096)
    # By which systemd-notify learns that all has been read: recv closes the pipe that comes with it.
    if said != b'BARRIER=1': print(said, flush=True)
`;

it('by the real systemd-notify, what a service manager gets', async (context) => {
  for (const program of ['systemd-notify', 'python3']) if (!isInstalled(program)) context.skip(`needs ${program}`);
  const socket = `${temporaryRoot().root}/notify`;
  const receiver = spawn('python3', ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let received = '';
  receiver.stdout.on('data', (chunk) => (received += chunk));
  const ended = once(receiver, 'exit');
  for (let waited = 0; !received.includes('bound'); waited += 20) {
    if (waited > 10_000) throw new Error('the receiver is not up');
    await sleep(20);
  }
  const notifier = createNotifier({ PATH: process.env['PATH'], NOTIFY_SOCKET: socket });
  notifier.send('READY=1', 'STATUS=Following s1 with 1 hook.');
  notifier.send('STOPPING=1');
  await notifier.drain();
  await ended;
  expect(received.trimEnd().split('\n')).toEqual([
    'bound',
    "b'READY=1\\nSTATUS=Following s1 with 1 hook.'",
    "b'STOPPING=1'",
  ]);
});

it('systemd-notify runs in /, and is not searched for where we are called', async () => {
  const here = process.cwd();
  onTestFinished(() => process.chdir(here));
  const { path, calls } = recorder('pwd >>"$(dirname "$0")/calls"');
  const { path: planted, calls: plantedCalls } = recorder();
  process.chdir(planted.split(':')[0] ?? '');
  const notifier = createNotifier({ PATH: `.::${path}`, NOTIFY_SOCKET: '/run/socket' });
  notifier.send('READY=1');
  await notifier.drain();
  expect({ calls: calls(), planted: plantedCalls() }).toEqual({ calls: ['/'], planted: [] });
});
