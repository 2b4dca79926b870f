import { beforeEach, expect, it } from 'vitest';
import { inspectStart } from '../../../src/hup/start.ts';
import type { Exec } from '../../../src/system/programs/exec.ts';
import { createWorld, type World } from './world.ts';

const US = 100;
const OWN = 'Id=cfn-hup.service\nLoadState=loaded\nType=notify\nMainPID=0\n';
const OTHER =
  'Id=my-hup.service\nLoadState=loaded\nType=forking\nSubState=start\nMainPID=0\nControlPID=100\nRemainAfterExit=no\nPIDFile=/run/x.pid\nTriggeredBy=my.timer\n';

let world: World;
beforeEach(() => {
  world = createWorld();
});

function put(pid: number, parentPid: number, args: readonly string[], name: string, cgroup = '0::/\n'): void {
  world.write(`/proc/${pid}/stat`, `${pid} (a) b) S ${parentPid} ${pid} ${pid} ${'0 '.repeat(15)}7 9\n`);
  world.write(`/proc/${pid}/cmdline`, `${args.join('\0')}\0`);
  world.write(`/proc/${pid}/comm`, `${name}\n`);
  world.write(`/proc/${pid}/cgroup`, cgroup);
}

/** @param shown what systemctl show prints; undefined where systemd does not run */
function probe(shown: string | undefined, told?: string) {
  const asked: string[] = [];
  const exec: Exec = {
    ...world.system.exec,
    find: (program) => `/usr/bin/${program}`,
    query: async (command) => {
      asked.push(command.slice(-2).join(' '));
      return { exitCode: 0, stdout: shown ?? '', output: '' };
    },
  };
  if (shown !== undefined) world.write('/run/systemd/system/x', '');
  return inspectStart({ files: world.files, exec }, US, told).then((found) => ({ ...found, asked }));
}

it.each<[cgroup: string, asked: string | undefined]>([
  ['0::/system.slice/my-hup.service\n', 'my-hup.service'],
  ['0::/system.slice/system-hup.slice/hup@a\\x2db.service\n', 'hup@a\\x2db.service'],
  ['0::/machine.slice/c.service/payload/system.slice/my-hup.service/part\n', 'my-hup.service'],
  ['0::/system.slice/_cpu.service\n', 'cpu.service'],
  ['9:name=systemd:/system.slice/my-hup.service\n8:pids:/x.service\n0::/\n', 'my-hup.service'],
  ['0::/user.slice/user-0.slice/session-1.scope\n', undefined],
  ['', undefined],
])('the service of a process: %j', async (cgroup, asked) => {
  put(US, 1, ['cfn-hup'], 'cfn-hup', cgroup);
  put(1, 0, ['/sbin/init'], 'systemd');
  expect((await probe(`${OWN}\n${OTHER}`)).asked).toEqual(asked === undefined ? [] : [`cfn-hup.service ${asked}`]);
});

it('what systemd knows of it', async () => {
  put(US, 1, ['cfn-hup'], 'cfn-hup', '0::/system.slice/my-hup.service\n');
  put(1, 0, ['/sbin/init', 'x'], 'systemd');
  expect(await probe(`${OWN}\n${OTHER}`, '100')).toMatchObject({
    parentPid: 1,
    parentNames: ['systemd'],
    isExecPid: true,
    isOwnUnit: false,
    unit: {
      id: 'my-hup.service',
      type: 'forking',
      subState: 'start',
      controlPid: 100,
      remains: false,
      isTriggered: true,
      pidFile: '/run/x.pid',
    },
  });
});

it('our unit under an alias is ours', async () => {
  put(US, 1, ['cfn-hup'], 'cfn-hup', '0::/system.slice/my-hup.service\n');
  const alias = OWN.replace('cfn-hup', 'my-hup');
  expect(await probe(`${alias}\n${alias}`, '7')).toMatchObject({ isOwnUnit: true, isExecPid: false });
});

it.each<[what: string, shown: string | undefined]>([
  ['no systemd', undefined],
  ['no answer', ''],
  ['a unit of another manager', `${OWN}\nId=my-hup.service\nLoadState=not-found\n`],
])('%s: nothing is known of the unit', async (_, shown) => {
  put(US, 7, ['cfn-hup'], 'cfn-hup', '0::/user.slice/my-hup.service\n');
  expect(await probe(shown)).toMatchObject({ unit: undefined, isOwnUnit: false });
});

it.each<[args: string[], name: string, names: string[]]>([
  [['/usr/bin/runsv', 'x'], 'runsv', ['runsv']],
  [['/usr/bin/python3', '/usr/bin/supervisord', '-n'], 'supervisord', ['supervisord']],
  [['/usr/bin/python3', '/usr/bin/supervisord', '-n'], 'python3', ['python3', 'supervisord', '-n']],
  [['python3', '-m', 'supervisor.supervisord'], 'python3', ['python3', '-m', 'supervisord']],
  [['/bin/sh', '/init'], 'init', []],
  [['-bash'], 'bash', []],
])('the names of a parent %j', async (args, name, names) => {
  put(US, 7, ['cfn-hup'], 'cfn-hup');
  put(7, 1, args, name);
  expect((await probe(undefined)).parentNames).toEqual(names);
});

it.each<[command: string[], isForUs: boolean]>([
  [['/bin/sh', '-c', '/opt/aws/bin/cfn-hup'], true],
  [['/bin/bash', '-lc', 'A=1 cfn-hup -v >>/var/log/x 2>&1'], true],
  [['sh', '-e', '-c', 'cd /srv && cfn-hup -c /etc/cfn; exit $?'], true],
  [['sh', '-c', 'cfn-init -v x\nexec cfn-hup || exit 1;'], true],
  [['sh', '-c', 'cfn-hup &> /dev/null'], true],
  [['sh', '-c', 'cfn-hup && echo done'], false],
  [['sh', '-c', 'cfn-hup & sleep 1'], false],
  [['sh', '-c', 'cfn-hup &'], false],
  [['sh', '-c', 'while sleep 1; do cfn-hup; done'], false],
  [['sh', '-c', 'echo not-cfn-hup'], false],
  [['sh', '/srv/cfn-hup'], false],
  [['sh', '-c'], false],
  [['python3', '-c', 'cfn-hup'], false],
])('a shell that has nothing else to do stands for it: %j', async (command, isForUs) => {
  put(US, 7, ['cfn-hup'], 'cfn-hup');
  put(7, 1, command, 'sh');
  put(1, 0, ['/sbin/init'], 'systemd');
  const stands = { pid: 7, parentPid: 1, parentNames: ['systemd'], isExecPid: true };
  expect(await probe(undefined, '7')).toMatchObject(isForUs ? stands : { pid: US, parentPid: 7, isExecPid: false });
});

it('a process that has ended', async () => {
  expect(await probe(undefined)).toMatchObject({ parentPid: 0, parentNames: [], unit: undefined });
});
