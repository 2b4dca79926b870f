import { describe, expect, it } from 'vitest';
import {
  isSupervised,
  planStart,
  type Request,
  type ServiceUnit,
  type Start,
  type StartContext,
} from '../../../src/hup/start.ts';

const US = 100;
const UNIT: ServiceUnit = {
  id: 'cfn-hup.service',
  type: 'simple',
  subState: 'running',
  mainPid: US,
  controlPid: 0,
  remains: false,
  isTriggered: false,
  pidFile: '',
};
const SHELL: StartContext = {
  pid: US,
  parentPid: 50,
  parentNames: [],
  isExecPid: false,
  unit: undefined,
  isOwnUnit: false,
};
const inOwn = (unit: Partial<ServiceUnit>): StartContext => ({ ...SHELL, unit: { ...UNIT, ...unit }, isOwnUnit: true });
const inOther = (unit: Partial<ServiceUnit>): StartContext => ({
  ...SHELL,
  unit: { ...UNIT, id: 'x.service', ...unit },
});
const oneshot = { type: 'oneshot', subState: 'start' } as const;
const forking = { type: 'forking', subState: 'start', mainPid: 0, controlPid: US } as const;
const byScript = { mainPid: 7 } as const;
const below = (name: string, parentPid = 50): StartContext => ({ ...SHELL, parentNames: [name], parentPid });
const FOLLOW = 'pass-then-follow';

describe('a bare call, and --no-daemon', () => {
  it.each<[who: string, context: StartContext, bare: Start, noDaemon: Start, isFollowed?: boolean]>([
    ['a shell, cron, cloud-init', SHELL, FOLLOW, 'pass'],
    ['a script of a unit, as of cloud-final', inOther({ ...oneshot, ...byScript }), FOLLOW, 'pass'],
    ['a script of a simple unit', inOther(byScript), FOLLOW, 'pass'],
    [
      'an orphan, below systemd',
      { ...below('systemd', 1), unit: { ...UNIT, id: 'x.service', mainPid: 7 } },
      FOLLOW,
      'pass',
    ],
    ['a unit', inOwn({}), 'loop', 'loop'],
    ['a unit, while another daemon is at work', inOwn({}), 'loop', 'loop', true],
    ['a unit of another name', inOther({}), 'loop', 'loop'],
    ['Type=notify', inOwn({ type: 'notify', subState: 'start' }), 'loop', 'loop'],
    ['Type=exec', inOther({ type: 'exec', subState: 'start' }), 'loop', 'loop'],
    ['Type=forking', inOwn(forking), 'detach', 'detach'],
    ['Type=forking of another name', inOther(forking), 'detach', 'detach'],
    ['Type=forking, left behind by a script', inOwn({ ...forking, subState: 'running', mainPid: US }), 'loop', 'loop'],
    ['ExecStartPost= of Type=forking', inOther({ ...forking, subState: 'start-post' }), FOLLOW, 'pass'],
    ['a script of Type=forking, as an init script', inOwn({ ...forking, controlPid: 7 }), 'detach', 'detach'],
    ['such a script, while a daemon is at work', inOwn({ ...forking, controlPid: 7 }), 'pass', 'pass', true],
    ['a script that is our unit', inOwn(byScript), 'loop', 'loop'],
    ['an action of the daemon', inOwn(byScript), 'pass', 'pass', true],
    [
      'a script of ExecStartPre= of our unit',
      inOwn({ mainPid: 0, controlPid: 7, subState: 'start-pre' }),
      'pass',
      'pass',
    ],
    ['ExecStartPost= of our unit', inOwn({ mainPid: 7, controlPid: US, subState: 'start-post' }), 'pass', 'pass'],
    ['ExecStartPost= of another unit', inOther({ mainPid: 7, controlPid: US, subState: 'start-post' }), FOLLOW, 'pass'],
    ['Type=oneshot of another name', inOther(oneshot), FOLLOW, 'pass'],
    ['Type=oneshot', inOwn(oneshot), 'pass-then-transient-unit', 'pass'],
    ['Type=oneshot, RemainAfterExit=yes', inOwn({ ...oneshot, remains: true }), 'pass-then-loop', 'pass'],
    ['Type=oneshot, by a script', inOwn({ ...oneshot, ...byScript, remains: true }), 'pass-then-loop', 'pass'],
    ['Type=oneshot, by a timer', inOwn({ ...oneshot, isTriggered: true }), 'pass', 'pass'],
    ['Type=oneshot of another name, by a timer', inOther({ ...oneshot, isTriggered: true }), 'pass', 'pass'],
    ['a unit of the manager of a user', { ...SHELL, isExecPid: true }, 'loop', 'loop'],
    ['supervisord', below('supervisord'), 'loop', 'loop'],
    ['runit', below('runsv'), 'loop', 'loop'],
    ['s6', below('s6-supervise'), 'loop', 'loop'],
    ['OpenRC, whose name the kernel cuts', below('supervise-daemo'), 'loop', 'loop'],
    ['the first process of a container is us', { ...SHELL, pid: 1, parentPid: 0 }, 'loop', 'loop'],
    ['an init of a container', below('tini', 1), 'loop', 'loop'],
    ['inittab', below('init', 1), 'loop', 'loop'],
    ['a script as the first process', below('entrypoint.sh', 1), FOLLOW, 'pass'],
    ['a program called init further down', below('init'), FOLLOW, 'pass'],
  ])('%s', (_, context, bare, noDaemon, isFollowed = false) => {
    const plan = (request: Request) => planStart(request, context, isFollowed);
    expect([plan('bare'), plan('foreground'), plan('pass'), plan('loop')]).toEqual([bare, noDaemon, 'pass', 'loop']);
  });
});

it.each<[who: string, context: StartContext, expected: boolean]>([
  ['a shell', SHELL, false],
  ['a loop that a script has left', inOther({ ...oneshot, ...byScript }), false],
  ['a unit', inOther({}), true],
  ['a loop that a forking unit has left', inOther({ ...forking, controlPid: 0 }), true],
  ['runit', below('runsv'), true],
])('who is started again when it ends: %s', (_, context, expected) => {
  expect(isSupervised(context)).toBe(expected);
});
