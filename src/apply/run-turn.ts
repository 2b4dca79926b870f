import { ExitCode, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import { type Settings, secondsSetting } from '../settings.ts';
import type { HeldLock, Holder, Locks } from '../system/lock.ts';
import { ancestorsOf } from '../system/programs/processes.ts';
import type { System } from '../system/system.ts';

/**
 * Seconds to wait for another run, unless `lock-timeout` is set in cfntools.conf. A first boot may install packages for a
 * long time, but a run that hangs must not block all others.
 */
const LOCK_TIMEOUT = 1800;
/** Milliseconds between two checks whether the other run has ended. */
const PAUSE = 200;
/** Milliseconds between two checks whether the other run waits for us. */
const CHECK_PAUSE = 1000;
const NO_LOCK: HeldLock = { release: () => undefined };

/**
 * Waits until no other cfn-init works on the same root, and logs at once which process it waits for. Call it before reading
 * metadata, so that the later run applies the newer metadata.
 *
 * It does not wait for a run that waits for us: one of our ancestors (a command that calls cfn-init), or a run that has
 * started our unit and waits for it. Several runs that one run has started in this way wait for each other.
 * @returns the lock, whose release ends our turn
 * @throws Problem with exit code 75 when `lock-timeout` of cfntools.conf is over; the reason of the system's abort
 */
export async function takeTurn(system: System, log: Log, settings: Settings): Promise<HeldLock> {
  const { clock, self, environment, files, locks } = system;
  let path = locks.pathFor(files.root, self.uid, environment['XDG_RUNTIME_DIR']);
  if (path === undefined) return NO_LOCK;
  const begin = clock.elapsed();
  let reportedPid: number | undefined;
  let limit: number | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const claim = await claimOrWarn(path, locks, log);
    if (claim !== undefined && 'release' in claim) {
      if (reportedPid !== undefined)
        log.info(`waited ${describeSeconds(clock.elapsed() - begin)} for another cfn-init`);
      return claim;
    }
    const isCheckDue = clock.elapsed() - checkedAt >= CHECK_PAUSE;
    if (isCheckDue) checkedAt = clock.elapsed();
    if (claim !== undefined && isCheckDue && (await waitsForUs(claim, system))) {
      log.info(`process ${claim.pid} is a cfn-init that waits for this one: not waiting for it`);
      path = `${path}.in-${claim.pid}`;
      checkedAt = Number.NEGATIVE_INFINITY;
      continue;
    }
    if (claim !== undefined) {
      limit ??= secondsSetting(settings, 'lock-timeout', LOCK_TIMEOUT, log);
      const age = describeSeconds(clock.elapsed() - claim.since);
      if (clock.elapsed() - begin >= limit * 1000) throw stillRunning(claim, age, limit);
      if (reportedPid !== claim.pid)
        log.warning(
          `another cfn-init is running: ${describe(claim)}, started ${age} ago: waiting for it to end, ${limit} s at most`,
        );
      reportedPid = claim.pid;
    }
    await clock.sleep(PAUSE);
  }
}

async function claimOrWarn(path: string, locks: Locks, log: Log): ReturnType<Locks['claim']> {
  try {
    return await locks.claim(path);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // Continue even if /run is full or read-only, so that the machine boots.
    log.warning(`${error.line}: continuing, although another cfn-init may run at the same time`);
    return NO_LOCK;
  }
}

async function waitsForUs(holder: Holder, system: System): Promise<boolean> {
  if (holder.isElsewhere === true) return false;
  if (ancestorsOf(process.pid).some(({ pid, start }) => pid === holder.pid && start === holder.start)) return true;
  const { waitsForOurUnit } = await import('./unit-wait.ts');
  return waitsForOurUnit(holder.pid, system);
}

function describe({ pid, isElsewhere }: Holder): string {
  return isElsewhere === true ? `process ${pid} of another container` : `process ${pid}`;
}

function stillRunning(holder: Holder, age: string, limit: number): Problem {
  const end = holder.isElsewhere === true ? 'end it' : `end it (kill ${holder.pid})`;
  const waited = limit === 0 ? '' : `, and has not ended within ${limit} s`;
  return new Problem(`another cfn-init is running${waited}`, {
    where: `${describe(holder)}, started ${age} ago`,
    hint: `wait for it, ${end}, or set lock-timeout in ${paths.settings}; then run cfn-init again`,
    exitCode: ExitCode.deadline,
  });
}

function describeSeconds(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
