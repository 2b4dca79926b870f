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

/** Used where cfn-hup is called in a oneshot unit: systemd ends the processes of that unit with the call. */
const TRANSIENT_UNIT = 'cfn-hup-loop.service';
/** Milliseconds that a loop in the background has to start. */
const LOOP_START_TIMEOUT = 15_000;
/** Milliseconds between two checks. */
const PAUSE = 100;
/** Milliseconds that we watch a started unit. It may follow changes later, since it may be slow or wait for the boot. */
const UNIT_WATCH = 3000;
/** Milliseconds that systemctl may take. */
const SYSTEMCTL_TIMEOUT = 30_000;
const STATE = ['ActiveState', 'SubState', 'Result', 'Job', 'TriggeredBy'];
/** Milliseconds after which a loop without the lock is known to wait for another daemon. */
const LOCK_TIMEOUT = 4000;

export interface FollowTools {
  readonly system: System;
  readonly log: Log;
}

/**
 * The second half of a plain `cfn-hup`: makes sure that changes are followed from now on (contract section 2, cfn-hup).
 * Where systemd has cfn-hup.service, it starts that unit. It does not enable the unit: a template or an operator does that
 * to have it at each boot. Elsewhere, and for another configuration than the unit's, it starts a loop in a session of its
 * own, or as a transient unit when the call is part of a service. `follow=false` in cfntools.conf turns all of this off.
 * The caller must not hold a lock of cfn-hup.
 * @param configOption -c as it was given
 * @returns whether changes are followed; false when they should not be
 * @throws Problem when nothing could be started to follow changes
 */
export async function followFromNowOn(
  { system, log }: FollowTools,
  configOption: string | undefined,
  how: Extract<Start, `pass-then-${string}`> = 'pass-then-follow',
): Promise<boolean> {
  if (!(await isFollowWanted(system, log))) return false;
  if (isFollowedAlready(system, log, configOption)) return true;
  if (how === 'pass-then-transient-unit') await startTransientUnit(system, log, configOption);
  else if (how === 'pass-then-follow' && isSameConfig(system, configOption, undefined) && (await hasUnit(system)))
    await startUnit(system, log);
  // systemd may end all processes that the call leaves behind, together with the service.
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
 * Starts the loop in the background for a unit of Type=forking, and writes its process id.
 * @param pidFile where systemd reads the process id; empty for none
 * @throws Problem when it ends at once
 */
export async function detachLoop(
  { system, log }: FollowTools,
  configOption: string | undefined,
  pidFile: string,
): Promise<void> {
  const loop = await system.startDetached(['cfn-hup', '--daemon', ...configArguments(system, configOption)]);
  const begin = system.clock.elapsed();
  // While another daemon runs, the loop waits for its turn.
  while (loop.ended() === undefined && system.locks.holderOf(paths.hupDaemonLock) !== loop.pid) {
    if (system.clock.elapsed() - begin > LOCK_TIMEOUT && system.locks.holderOf(paths.hupDaemonLock) !== undefined)
      break;
    if (system.clock.elapsed() - begin > LOOP_START_TIMEOUT) throw notUp(loop);
    await system.clock.sleep(PAUSE);
  }
  if (loop.ended() !== undefined) throw notUp(loop);
  if (pidFile !== '') system.files.write(pidFile, Buffer.from(`${loop.pid}\n`), { mode: 0o644, ...system.self });
  log.info(`process ${loop.pid} follows changes from now on`);
}

async function isFollowWanted({ files }: System, log: Log): Promise<boolean> {
  const isWanted = booleanSetting(await readSettings(files), 'follow', true, log);
  if (!isWanted) log.info(`changes are not followed: follow is false in ${paths.settings}`);
  return isWanted;
}

function isFollowedAlready(system: System, log: Log, configOption: string | undefined): boolean {
  const pid = system.locks.holderOf(paths.hupDaemonLock);
  if (pid === undefined) return false;
  if (followsOther(system, pid, configOption)) throw otherFollowed(pid);
  log.info(`process ${pid} already follows changes`);
  return true;
}

async function hasUnit(system: System): Promise<boolean> {
  if (!hasSystemd(system)) return false;
  const [unit] = (await showUnits(system.exec, ['LoadState'], [HUP_UNIT], SYSTEMCTL_TIMEOUT)) ?? [];
  return unit?.['LoadState'] === 'loaded';
}

/** Does not wait for the job: the unit may be ordered after a part of the boot that waits for us. */
async function startUnit(system: System, log: Log): Promise<void> {
  const command: [string, ...string[]] = ['systemctl', 'start', '--no-block', HUP_UNIT];
  await start(system, HUP_UNIT, command);
  let failure = await failureOf(system, HUP_UNIT);
  if (failure !== undefined) {
    // It may have reached its start limit. systemd does not report that when the unit failed for another reason first.
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
 * Watches a unit for a while after its start.
 * @returns systemd's name of the result when it has ended; undefined when it follows changes, or may still do so
 */
async function failureOf(system: System, unit: string): Promise<string | undefined> {
  const end = system.clock.elapsed() + UNIT_WATCH;
  while (system.locks.holderOf(paths.hupDaemonLock) === undefined) {
    const [state] = (await showUnits(system.exec, STATE, [unit], SYSTEMCTL_TIMEOUT)) ?? [];
    const isOver = system.clock.elapsed() >= end;
    const isAgain = state?.['SubState'] === 'auto-restart';
    const hasJob = /[1-9]/.test(state?.['Job'] ?? '');
    const isDown = ['failed', 'inactive'].includes(state?.['ActiveState'] ?? '') && !hasJob;
    // A timer starts the unit for each pass, and so follows changes.
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
  const { exitCode, output } = await exec.tool(command, { timeout: SYSTEMCTL_TIMEOUT });
  if (exitCode === 0) return;
  throw new Problem('cannot follow changes', {
    where: unit,
    hint: `${lastLine(output)}; see journalctl -u ${unit}`,
    output,
  });
}

async function startLoop(system: System, log: Log, configOption: string | undefined): Promise<void> {
  const { clock, locks } = system;
  const deadline = clock.elapsed() + LOOP_START_TIMEOUT;
  for (;;) {
    const loop = await system.startDetached(['cfn-hup', '--daemon', ...configArguments(system, configOption)]);
    while (loop.ended() === undefined && clock.elapsed() < deadline) {
      if (system.locks.holderOf(paths.hupDaemonLock) === loop.pid)
        return log.info(`process ${loop.pid} follows changes from now on`);
      await clock.sleep(PAUSE);
    }
    if (loop.ended() !== ExitCode.done) {
      // If the lock is the cause, this throws its Problem.
      (await locks.tryLock(paths.hupDaemonLock))?.release();
      throw notUp(loop);
    }
    const other = system.locks.holderOf(paths.hupDaemonLock);
    if (other !== undefined) return log.info(`process ${other} already follows changes`);
    // The loop exited because of another daemon, which was about to end.
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
