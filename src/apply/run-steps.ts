import type { SectionName } from '../config/config.ts';
import { ExitCode, Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BoundStep, RunPlan } from '../sections/index.ts';
import type { Changes, Outcome, Step, World } from '../sections/step.ts';
import { MissingAccount } from '../system/accounts.ts';
import { machineProblem } from '../system/file-problem.ts';
import { Interrupted } from '../system/signals.ts';
import type { System } from '../system/system.ts';
import { type Report, type StepResult, stepAbout, stepLine } from './report.ts';
import { type StepWatch, watchStep } from './step-watch.ts';

export interface RunOptions {
  readonly system: System;
  readonly log: Log;
  /** As heat-cfntools did: a failure of these sections is a warning, and the run goes on (contract section 2, --compat heat). */
  readonly tolerated: ReadonlySet<SectionName>;
  /** True when a directory is being prepared (`--root`) and not the running machine. */
  readonly isOtherRoot: boolean;
  /** The credentials of a role of this instance. @throws Problem */
  readonly roleCredentials?: World['roleCredentials'];
  /** How downloads reach a URL. */
  readonly transportTo?: World['transportTo'];
  /** Called with what a file holds that others may not read, before anything else is printed. */
  readonly onPrivateText?: World['onPrivateText'];
  /** Called with each step before anything is done. `wait` says what the step waits for at the moment, if that is known. */
  readonly onStep?: (step: Step, wait: () => string | undefined) => void;
  /** Hears a line each minute that a step lasts; the log has it already. */
  readonly onLasting?: (line: string) => void;
  /** Hears of each step as it ends. */
  readonly onResult: (result: StepResult) => void;
}

/** What heat-cfntools only warned about. */
export const TOLERATED_BY_HEAT: ReadonlySet<SectionName> = new Set([
  'packages',
  'sources',
  'users',
  'groups',
  'services',
]);

/** Exit codes of what is a failure of a step, and neither a usage error nor a bug. */
const STEP_FAILURES: ReadonlySet<ExitCode> = new Set([
  ExitCode.failed,
  ExitCode.deadline,
  ExitCode.hungUp,
  ExitCode.interrupted,
  ExitCode.terminated,
]);

/**
 * Takes the steps one by one: inspect, change what differs, remember what changed. The first failure ends the run, and so does a
 * signal (see System.abort): the step that runs is ended, and no other begins.
 */
export async function runSteps(
  { steps, finish: finishSections, findWait }: RunPlan,
  options: RunOptions,
): Promise<Report> {
  const { system, log, roleCredentials, transportTo, onPrivateText } = options;
  const changes = new RecordedChanges();
  let watch: StepWatch | undefined;
  let hasPrinted = false;
  const world: World = {
    system,
    log,
    changes,
    roleCredentials,
    transportTo,
    onPrivateText,
    onPrinted: () => {
      hasPrinted = true;
    },
    onWait: (what) => watch?.waitsFor(what),
  };
  const results: StepResult[] = [];
  const begin = system.clock.elapsed();
  let stoppedBy: Problem | undefined;
  for (const step of steps) {
    const left = steps.length - results.length;
    await signalsArrived(system);
    const reason: unknown = system.abort?.reason;
    if (reason instanceof Interrupted) {
      stoppedBy = endedBySignal(reason, step, left);
      break;
    }
    const stepBegin = system.clock.elapsed();
    const finish = (state: StepResult['state'], what: string, problem?: Problem): void => {
      const { section, config, entry } = step;
      const duration = system.clock.elapsed() - stepBegin;
      const result = {
        step: { section, config, entry },
        state,
        what,
        duration,
        ...(problem === undefined ? {} : { problem }),
      };
      results.push(result);
      // A failure that is let pass is told of by a warning.
      const { event, ...about } = stepAbout(result);
      const isPassed = state === 'failed' && options.tolerated.has(section);
      log.info(stepLine(result), isPassed ? about : { event, ...about });
      options.onResult(result);
    };
    hasPrinted = false;
    const current = watchStep(step, { log, clock: system.clock, findWait, onLasting: options.onLasting });
    watch = current;
    options.onStep?.(step, current.wait);
    try {
      const outcome = await runStep(step, world, options.isOtherRoot);
      if (outcome.state === 'changed') changes.add(step.section, outcome.changes ?? [step.entry.name]);
      finish(
        outcome.state,
        outcome.state === 'changed' ? (outcome.what ?? '') : outcome.state === 'skipped' ? outcome.reason : '',
      );
    } catch (caught) {
      const thrown = await signalBehind(caught, system);
      const error =
        thrown instanceof Interrupted ? endedBySignal(thrown, step, left - 1) : (machineProblem(thrown) ?? thrown);
      if (!(error instanceof Problem) || !STEP_FAILURES.has(error.exitCode)) throw error;
      finish('failed', error.line, error);
      // What a command or a package tool printed is in the log by now.
      const output = error.output?.trimEnd() ?? '';
      if (output !== '' && !hasPrinted) log.info(`it printed\n${output}`);
      if (options.tolerated.has(step.section) && !(thrown instanceof Interrupted)) {
        const { section, config, entry } = step;
        const about = { event: 'stepFailed', state: 'failed', section, config, entry: entry.name } as const;
        log.warning(`${error.line}: going on, as heat-cfntools did`, about);
      } else {
        stoppedBy = error;
        break;
      }
    } finally {
      current.end();
    }
  }
  if (system.abort?.aborted !== true) await finishSections(world);
  return { results, stoppedBy, notRun: steps.length - results.length, duration: system.clock.elapsed() - begin };
}

/**
 * Lets handlers of signals run. They need a turn of the event loop, which steps that only write files never allow. It takes
 * two turns, since the first may have looked for signals already.
 */
async function signalsArrived({ abort }: System): Promise<void> {
  for (let turn = 0; abort !== undefined && turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Milliseconds in which a signal to us and to what we run reaches both, as when systemd stops the unit. */
const SAME_SIGNAL = 50;

/** The signal that ends the run and was the cause of a failure; else the failure itself. */
async function signalBehind(failure: unknown, { abort, clock }: System): Promise<unknown> {
  if (abort === undefined || !(failure instanceof Problem)) return failure;
  try {
    await clock.sleep(SAME_SIGNAL);
    return failure;
  } catch (error) {
    return error instanceof Interrupted ? new Interrupted(error.signal, failure.output ?? failure.line) : error;
  }
}

/** @param left how many steps have not begun */
function endedBySignal({ message, exitCode, output }: Interrupted, { entry }: Step, left: number): Problem {
  const others = left === 0 ? '' : `${left} step${left === 1 ? ' was' : 's were'} not run; `;
  return new Problem(message, {
    where: entry.place,
    hint: `${others}run cfn-init again`,
    exitCode,
    ...(output === undefined ? {} : { output }),
  });
}

async function runStep(step: BoundStep, world: World, isOtherRoot: boolean): Promise<Outcome> {
  if (isOtherRoot && !step.worksOnRoot) return { state: 'skipped', reason: 'not done under --root' };
  try {
    const found = await step.inspect(world);
    if (found.state !== 'differs') return found;
    const outcome = await found.apply();
    return outcome.state === 'changed' ? { ...outcome, what: outcome.what ?? found.what } : outcome;
  } catch (error) {
    // Packages bring accounts along, and are not installed there.
    if (isOtherRoot && error instanceof MissingAccount) return { state: 'skipped', reason: error.message };
    throw error;
  }
}

class RecordedChanges implements Changes {
  readonly #names = new Map<SectionName, string[]>();

  add(section: SectionName, names: readonly string[]): void {
    const known = this.#names.get(section) ?? [];
    for (const name of names) known.push(name);
    this.#names.set(section, known);
  }

  names(section: SectionName): readonly string[] {
    return this.#names.get(section) ?? [];
  }

  has(section: SectionName, name: string): boolean {
    return this.names(section).includes(name);
  }
}
