import { beforeEach, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { followFromNowOn } from '../../../src/hup/follow.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { Exec, ToolResult } from '../../../src/system/programs/exec.ts';
import { createWorld, type World } from './world.ts';

const UNIT = 'cfn-hup.service';
const START = `systemctl start --no-block ${UNIT}`;

let world: World;
beforeEach(() => {
  world = createWorld();
  world.write('/etc/cfn/cfn-hup.conf', '');
  world.files.makeDirectory('/etc/cfn/hooks.d');
  world.files.makeDirectory('/srv');
  world.files.writeLink('/srv/link', '/etc/cfn');
  world.files.writeLink('/srv/file', '/etc/cfn/cfn-hup.conf');
});

const UP = 'LoadState=loaded\nActiveState=active\n';

/** Where systemd runs and knows the unit; `start` is what starting it comes to, and `states` what it looks like then. */
async function follow(
  config: string | undefined,
  start: Partial<ToolResult> = {},
  states: readonly string[] = [UP],
): Promise<string[]> {
  const left = [UP, ...states];
  const called: string[] = [];
  const exec: Exec = {
    ...world.system.exec,
    find: (program) => `/usr/bin/${program}`,
    tool: async (command) => {
      called.push(command.join(' '));
      return { exitCode: 0, stdout: '', output: '', ...start };
    },
    query: async () => {
      const stdout = (left.length > 1 ? left.shift() : left[0]) ?? '';
      return { exitCode: 0, stdout, output: '' };
    },
  };
  world.write('/run/systemd/system/x', '');
  const log = createLog(new Redactor(), [{ write: (level, text) => world.said.push(`${level} ${text}`) }]);
  await followFromNowOn({ system: { ...world.system, exec }, log }, config);
  return called;
}

it.each([
  undefined,
  '/etc/cfn',
  '/etc/cfn/',
  '/etc/cfn/hooks.d',
  '/etc/cfn/cfn-hup.conf',
  '/srv/link',
  '/srv/link/cfn-hup.conf',
  '/srv/link/hooks.d',
  '/srv/file',
])('with the usual configuration (%s) starts the unit', async (config) => {
  expect((await follow(config)).at(-1)).toBe(START);
  expect(world.said).toEqual([expect.stringContaining(`INFO ${UNIT} follows changes from now on`)]);
});

it.each<[text: string, starts: boolean, said: string]>([
  ['follow=false', false, 'INFO changes are not followed'],
  ['follow=0', false, 'INFO changes are not followed'],
  ['follow=true', true, `INFO ${UNIT} follows`],
  ['follow=perhaps', true, 'WARNING follow is not true or false'],
])('cfntools.conf: %s', async (text, starts, said) => {
  world.write('/etc/cfn/cfntools.conf', text);
  expect((await follow(undefined)).includes(START)).toBe(starts);
  expect(world.said[0]).toContain(said);
});

it('a unit that cannot be started is a problem in one line, with exit code 1', async () => {
  const output = 'Failed to start cfn-hup.service: Access denied\nSee system logs.';
  const error = await follow(undefined, { exitCode: 4, output }).catch((thrown: unknown) => thrown);
  if (!(error instanceof Problem)) throw new Error('no problem');
  expect(error.exitCode).toBe(1);
  expect(error.line).toMatch(
    /^cannot follow changes: cfn-hup\.service: it printed last: See system logs\.; see journalctl -u cfn-hup\.service$/,
  );
});

const DOWN = 'ActiveState=failed\nResult=exit-code\n';
const RESET = `systemctl reset-failed ${UNIT}`;

it.each<[what: string, states: string[], called: string[] | string]>([
  ['waits for the boot', ['ActiveState=inactive\nJob=12\n'], [START]],
  ['is slow', ['ActiveState=activating\nSubState=start\n'], [START]],
  ['comes up at the second attempt', ['ActiveState=activating\nSubState=auto-restart\n', UP], [START]],
  ['was started too often before', [DOWN, UP], [START, RESET, START]],
  ['fails', [DOWN], 'exit-code'],
  ['ends', ['ActiveState=inactive\nResult=success\n'], 'success'],
  ['ends, and belongs to a timer', ['ActiveState=inactive\nResult=success\nTriggeredBy=cfn-hup.timer\n'], [START]],
  ['fails again and again', ['ActiveState=activating\nSubState=auto-restart\nResult=signal\n'], 'signal'],
])('a unit that %s', async (_, states, called) => {
  const outcome = await follow(undefined, {}, states).catch((thrown: unknown) => thrown);
  if (typeof called !== 'string') return expect(outcome).toEqual(called);
  if (!(outcome instanceof Problem)) throw new Error('no problem');
  expect(outcome.line).toBe(
    `cannot follow changes: ${UNIT}: it does not stay up (${called}): see journalctl -u ${UNIT}`,
  );
});
