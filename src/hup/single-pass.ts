import { type ExitCode, Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import { sha256Hex } from '../signing/signature-v4.ts';
import { type EndingSignal, Interrupted } from '../system/signals.ts';
import { watchActions } from './hook-runner.ts';
import { followsOther } from './other-loops.ts';
import { createPassMemory, type PassResult, type PassTools, runPass } from './pass.ts';
import type { HupConfig } from './settings.ts';

/**
 * How a pass ended. 'failed': an action failed, nothing could be fetched, or state could not be saved; a later pass tries
 * again. 'unusable': the configuration has problems and no usable hook. 'stopped': by a signal.
 */
export type PassEnd = 'done' | 'failed' | 'unusable' | 'stopped';

interface SinglePassTools {
  readonly printAlways: (line: string) => void;
  readonly printAgain: (line: string) => void;
  readonly leave: (exitCode: ExitCode) => Promise<never>;
}

/**
 * Makes one pass, as from cron. It does nothing when a daemon follows the same configuration, or when another pass for it is
 * running. SIGTERM and SIGINT end the running action with all its processes; no other action starts then.
 * @param option -c as it was given
 * @param printAlways called with problems that a person has to fix: of the configuration, of Heat's policy, and when
 *   something cannot be saved, for example on a full disk
 * @param printAgain called with a problem that was logged before, when it is still the reason why nothing was fetched
 * @param leave ends the process
 * @throws Problem when a daemon follows other hooks with the same main file, so that nobody follows these
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
      throw new Problem('these hooks are not followed', {
        where: `process ${daemon}`,
        hint: `it follows other hooks with ${config.main}: stop it, or give these hooks a cfn-hup.conf of their own`,
      });
    log.info('another cfn-hup is making a pass: nothing to do');
    return 'done';
  }
  let isStopping = false;
  const actions = watchActions(system.exec);
  const ignoreSignals = signals.on(['SIGTERM', 'SIGINT'], (name) => {
    // Without a running action there is nothing to wait for but an answer from the network.
    if (actions.count === 0) {
      const interrupted = new Interrupted(name as EndingSignal);
      signals.abortRun(interrupted);
      return void leave(interrupted.exitCode);
    }
    log.warning(`${name}: ending the running action`);
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
 * The lock for passes of one configuration. Each configuration has its own: cron starts all passes in the same second, and
 * with one lock the slower one would never run.
 */
export function passLockOf({ main }: Pick<HupConfig, 'main'>): string {
  if (main === `${paths.hupRoot}/cfn-hup.conf`) return paths.hupPassLock;
  return `${paths.hupState}/pass@${sha256Hex(main).slice(0, DIGITS)}.lock`;
}
