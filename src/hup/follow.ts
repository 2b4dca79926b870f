import { ExitCode, lastLine, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import { booleanSetting, readSettings } from '../settings.ts';
import type { Detached } from '../system/programs/detached.ts';
import { procIn, serviceOf } from '../system/programs/processes.ts';
import { hasSystemd, showUnits } from '../system/programs/systemctl.ts';
import type { System } from '../system/system.ts';
import { followsOther, isSameConfig, otherFollowed } from './other-loops.ts';
import type { Start } from './start.ts';

/** For a oneshot unit, whose processes end with its call. */
const TRANSIENT_UNIT = 'cfn-hup-loop.service';
/** Milliseconds. */
const PATIENCE = 15_000;
const PAUSE = 100;
/** Milliseconds that a started unit has until it follows changes; it may wait for the boot, or be slow, for longer. */
const LOOK = 3000;
/** Milliseconds that systemctl has for an answer. */
const ANSWER = 30_000;
const STATE = ['ActiveState', 'SubState', 'Result', 'Job', 'TriggeredBy'];
/** Milliseconds after which a loop that has not taken the lock waits for another daemon. */
const TURN = 4000;

export interface FollowTools {
  readonly system: System;
  readonly log: Log;
}

/**
 * The second half of a bare call: makes sure that changes are followed from now on (contract section 2, cfn-hup). Where
 * systemd runs and knows cfn-hup.service, that is started; it is not enabled, as what a call starts ends with the boot:
 * a template or an operator that wants it at each boot enables it. Elsewhere, and for another configuration than the unit's,
 * a loop is started in a session of its own, or as a transient unit when the call is part of a service. `follow=false` in
 * cfntools.conf turns all of it off. Call it without holding a lock of cfn-hup.
 * @param configOption -c as it was given
 * @returns whether changes are followed; false where they are not to be
 * @throws Problem when nothing follows changes now
 */
export async function followFromNowOn(
  { system, log }: FollowTools,
  configOption: string | undefined,
  how: Extract<Start, `pass-then-${string}`> = 'pass-then-follow',
): Promise<boolean> {
  if (!(await wantsToFollow(system, log))) return false;
  if (isFollowedAlready(system, log, configOption)) return true;
  if (how === 'pass-then-transient-unit') await startTransientUnit(system, log, configOption);
  else if (how === 'pass-then-follow' && isSameConfig(system, configOption, undefined) && (await hasUnit(system)))
    await startUnit(system, log);
  // With its service systemd may end all that the call leaves behind.
  else if (
    how === 'pass-then-follow' &&
    hasSystemd(system) &&
    serviceOf(process.pid, procIn(system.files)) !== undefined
  )
    await startTransientUnit(system, log, configOption);
  else await startLoop(system, log, configOption);
  return true;
}

/**
 * Starts the loop in the background for a unit of Type=forking, and says which process it is.
 * @param pidFile where systemd looks for its number; empty for nowhere
 * @throws Problem when it ends at once
 */
export async function detachLoop(
  { system, log }: FollowTools,
  configOption: string | undefined,
  pidFile: string,
): Promise<void> {
  const loop = await system.startDetached(['cfn-hup', '--daemon', ...configArguments(system, configOption)]);
  const begin = system.clock.elapsed();
  // Where another daemon is at work, it waits for its turn.
  while (loop.ended() === undefined && system.locks.holderOf(paths.hupDaemonLock) !== loop.pid) {
    if (system.clock.elapsed() - begin > TURN && system.locks.holderOf(paths.hupDaemonLock) !== undefined) break;
    if (system.clock.elapsed() - begin > PATIENCE) throw notUp(loop);
    await system.clock.sleep(PAUSE);
  }
  if (loop.ended() !== undefined) throw notUp(loop);
  if (pidFile !== '') system.files.write(pidFile, Buffer.from(`${loop.pid}\n`), { mode: 0o644, ...system.self });
  log.info(`process ${loop.pid} follows changes from now on`);
}

async function wantsToFollow({ files }: System, log: Log): Promise<boolean> {
  const isWanted = booleanSetting(await readSettings(files), 'follow', true, log);
  if (!isWanted) log.info(`changes are not followed, since ${paths.settings} says so`);
  return isWanted;
}

function isFollowedAlready(system: System, log: Log, configOption: string | undefined): boolean {
  const pid = system.locks.holderOf(paths.hupDaemonLock);
  if (pid === undefined) return false;
  if (followsOther(system, pid, configOption)) throw otherFollowed(pid);
  log.info(`process ${pid} follows changes already`);
  return true;
}

async function hasUnit(system: System): Promise<boolean> {
  if (!hasSystemd(system)) return false;
  const [unit] = (await showUnits(system.exec, ['LoadState'], [HUP_UNIT], ANSWER)) ?? [];
  return unit?.['LoadState'] === 'loaded';
}

/** Does not wait for its job: we may be part of the boot that the unit is ordered after. */
async function startUnit(system: System, log: Log): Promise<void> {
  const command: [string, ...string[]] = ['systemctl', 'start', '--no-block', HUP_UNIT];
  await start(system, HUP_UNIT, command);
  let failure = await failureOf(system, HUP_UNIT);
  if (failure !== undefined) {
    // It may have been started too often before, which systemd does not tell when it failed for another reason first.
    await start(system, HUP_UNIT, ['systemctl', 'reset-failed', HUP_UNIT]);
    await start(system, HUP_UNIT, command);
    failure = await failureOf(system, HUP_UNIT);
  }
  if (failure !== undefined) throw notStaying(HUP_UNIT, failure);
  log.info(`${HUP_UNIT} follows changes from now on, until the machine is restarted unless it is enabled`);
}

function notStaying(unit: string, result: string): Problem {
  return new Problem('cannot follow changes', {
    where: unit,
    hint: `it does not stay up (${result}): see journalctl -u ${unit}`,
  });
}

/**
 * Looks for a while at a unit that was started.
 * @returns what systemd calls the result when it has ended; undefined when it follows changes, or may still do so
 */
async function failureOf(system: System, unit: string): Promise<string | undefined> {
  const end = system.clock.elapsed() + LOOK;
  while (system.locks.holderOf(paths.hupDaemonLock) === undefined) {
    const [state] = (await showUnits(system.exec, STATE, [unit], ANSWER)) ?? [];
    const isOver = system.clock.elapsed() >= end;
    const isAgain = state?.['SubState'] === 'auto-restart';
    const hasJob = /[1-9]/.test(state?.['Job'] ?? '');
    const isDown = ['failed', 'inactive'].includes(state?.['ActiveState'] ?? '') && !hasJob;
    // The unit makes passes for a timer, which is what follows changes.
    if (state?.['Result'] === 'success' && isDown && (state['TriggeredBy'] ?? '') !== '') return undefined;
    if (isDown || (isOver && isAgain)) return state?.['Result'] ?? 'unknown';
    if (isOver) break;
    await system.clock.sleep(PAUSE);
  }
  return undefined;
}

async function startTransientUnit(system: System, log: Log, configOption: string | undefined): Promise<void> {
  const properties = ['Type=notify', 'NotifyAccess=main', 'Restart=on-failure', 'RestartSec=10', 'KillMode=process'];
  const options = ['--quiet', '--collect', '--no-block', ...properties.map((property) => `--property=${property}`)];
  const loop = [process.execPath, 'cfn-hup', '--daemon', ...configArguments(system, configOption)];
  await start(system, TRANSIENT_UNIT, ['systemd-run', `--unit=${TRANSIENT_UNIT}`, ...options, ...loop]);
  const failure = await failureOf(system, TRANSIENT_UNIT);
  if (failure !== undefined) throw notStaying(TRANSIENT_UNIT, failure);
  log.info(`${TRANSIENT_UNIT} follows changes from now on, until the machine is restarted`);
}

async function start({ exec }: System, unit: string, command: [string, ...string[]]): Promise<void> {
  const { exitCode, output } = await exec.tool(command, { timeout: ANSWER });
  if (exitCode === 0) return;
  throw new Problem('cannot follow changes', {
    where: unit,
    hint: `${lastLine(output)}; see journalctl -u ${unit}`,
    output,
  });
}

async function startLoop(system: System, log: Log, configOption: string | undefined): Promise<void> {
  const { clock, locks } = system;
  const deadline = clock.elapsed() + PATIENCE;
  for (;;) {
    const loop = await system.startDetached(['cfn-hup', '--daemon', ...configArguments(system, configOption)]);
    while (loop.ended() === undefined && clock.elapsed() < deadline) {
      if (system.locks.holderOf(paths.hupDaemonLock) === loop.pid)
        return log.info(`process ${loop.pid} follows changes from now on`);
      await clock.sleep(PAUSE);
    }
    if (loop.ended() !== ExitCode.done) {
      // The lock itself may be the cause; then this throws its Problem.
      (await locks.tryLock(paths.hupDaemonLock))?.release();
      throw notUp(loop);
    }
    const faster = system.locks.holderOf(paths.hupDaemonLock);
    if (faster !== undefined) return log.info(`process ${faster} follows changes already`);
    // The loop left the work to a daemon that was about to end.
    if (clock.elapsed() >= deadline) throw notUp(loop);
  }
}

function configArguments(system: System, option: string | undefined): readonly string[] {
  return option === undefined ? [] : ['--config', system.absolutePath(option)];
}

function notUp(loop: Detached): Problem {
  const ended = loop.ended();
  return new Problem('cannot follow changes', {
    where: 'cfn-hup --daemon',
    hint: `it ${ended === undefined ? 'is not up yet' : `ended with ${ended}`}: see ${paths.logDirectory}/cfn-hup.log`,
  });
}
