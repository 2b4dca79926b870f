import { type ExitCode, Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import { sha256Hex } from '../signing/signature-v4.ts';
import { type EndingSignal, Interrupted } from '../system/signals.ts';
import { watchActions } from './hook-runner.ts';
import { followsOther } from './other-loops.ts';
import { createPassMemory, type PassResult, type PassTools, runPass } from './pass.ts';
import type { HupConfig } from './settings.ts';

/**
 * How a pass ended. 'failed': an action failed, nothing could be fetched, or state could not be kept, all of which a later
 * pass tries again. 'unusable': the configuration has nothing but faults. 'stopped': by a signal.
 */
export type PassEnd = 'done' | 'failed' | 'unusable' | 'stopped';

interface SinglePassTools {
  readonly printAlways: (line: string) => void;
  readonly printAgain: (line: string) => void;
  readonly leave: (exitCode: ExitCode) => Promise<never>;
}

/**
 * One pass, as cron makes it. It does nothing when a daemon follows the same configuration, or when a pass for it is under
 * way. SIGTERM and SIGINT end the running action with all that it started, and start no other.
 * @param option -c as it was given
 * @param printAlways called with what a person has to fix: what is wrong with the configuration, that Heat's policy forbids to ask, and
 *   what cannot be kept, on a disk that is full say
 * @param printAgain called with that again, when it was said before and still is why nothing was fetched
 * @param leave ends the process
 * @throws Problem when a daemon follows other hooks with the same main file, so that nobody looks at these
 */
export async function makeSinglePass(
  config: HupConfig,
  tools: PassTools,
  option: string | undefined,
  { printAlways, printAgain, leave }: SinglePassTools,
): Promise<PassEnd> {
  const { log, system } = tools;
  const { locks, signals } = system;
  const daemon = locks.holderOf(paths.hupDaemonLock);
  const isOther = daemon !== undefined && followsOther(system, daemon, option);
  if (daemon !== undefined && !isOther) {
    log.info('another cfn-hup follows changes: nothing to do');
    return 'done';
  }
  const lockFile = passLockOf(config);
  const lock = await locks.tryLock(lockFile);
  if (lock === undefined) {
    if (isOther && locks.holderOf(lockFile) === daemon)
      throw new Problem('these hooks are not looked at', {
        where: `process ${daemon}`,
        hint: `it follows other hooks by ${config.main}: end it, or give these a cfn-hup.conf of their own`,
      });
    log.info('another cfn-hup makes a pass: nothing to do');
    return 'done';
  }
  let isStopping = false;
  const actions = watchActions(system.exec);
  const ignoreSignals = signals.on(['SIGTERM', 'SIGINT'], (name) => {
    // An answer of the network is not worth waiting for.
    if (actions.count === 0) {
      const interrupted = new Interrupted(name as EndingSignal);
      signals.abortRun(interrupted);
      return void leave(interrupted.exitCode);
    }
    log.warning(`${name}: ending the action that runs`);
    isStopping = true;
    actions.abort();
  });
  try {
    const watched = { ...tools, system: { ...system, exec: actions.exec } };
    const result = await runPass(config, watched, createPassMemory(), { isStopping: () => isStopping });
    for (const line of config.problems) printAlways(line);
    if (result.unkept !== undefined) printAlways(result.unkept);
    const { kind, line, isKnown } = result.failure ?? {};
    if (line !== undefined && isKnown === true) printAgain(line);
    else if (line !== undefined && (kind === 'unasked' || kind === 'forbidden')) printAlways(line);
    if (isStopping) return 'stopped';
    if (config.hooks.length === 0 && config.problems.length > 0) return 'unusable';
    return hasFailed(result) ? 'failed' : 'done';
  } catch (error) {
    if (error instanceof Interrupted) await leave(error.exitCode);
    throw error;
  } finally {
    ignoreSignals();
    lock.release();
  }
}

function hasFailed({ failedActions, parkedHooks, fetched, unfetched, unkept }: PassResult): boolean {
  return failedActions > 0 || parkedHooks > 0 || unkept !== undefined || (fetched === 0 && unfetched > 0);
}

const DIGITS = 16;

/**
 * The lock of who makes passes for a configuration. Passes for another one do not wait for it: cron starts both in the same
 * second, and the slower one would never have its turn.
 */
export function passLockOf({ main }: Pick<HupConfig, 'main'>): string {
  if (main === `${paths.hupRoot}/cfn-hup.conf`) return paths.hupPassLock;
  return `${paths.hupState}/pass@${sha256Hex(main).slice(0, DIGITS)}.lock`;
}
