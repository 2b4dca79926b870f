import type { SectionName } from '../config/config.ts';
import { ExitCode, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { BoundStep, RunPlan } from '../sections/index.ts';
import type { Changes, Outcome, Step, World } from '../sections/step.ts';
import { MissingAccount } from '../system/accounts/accounts.ts';
import { machineProblem } from '../system/files/file-problem.ts';
import { Interrupted } from '../system/signals.ts';
import type { System } from '../system/system.ts';
import { type Report, type StepResult, stepAbout, stepLine } from './report.ts';
import { type StepWatch, watchStep } from './step-watch.ts';

export interface RunOptions {
  readonly system: System;
  readonly log: Log;
  /** A failure in these sections is only a warning, as in heat-cfntools (contract section 2, --compat heat). */
  readonly tolerated: ReadonlySet<SectionName>;
  /** True when the run prepares a directory (`--root`) instead of the running machine. */
  readonly isOtherRoot: boolean;
  /** The credentials of a role of this instance. @throws Problem */
  readonly roleCredentials?: World['roleCredentials'];
  /** How downloads reach a URL. */
  readonly transportTo?: World['transportTo'];
  /** Called with the content of a file that others may not read, before anything else is printed. */
  readonly onPrivateText?: World['onPrivateText'];
  /** Called before each step. `wait` returns what the step is waiting for, if that is known. */
  readonly onStep?: (step: Step, wait: () => string | undefined) => void;
  /** Called each minute during a step, with a line that is in the log already. */
  readonly onLasting?: (line: string) => void;
  /** Called with each result: when a step ends, and after each later check of started services. */
  readonly onResult: (result: StepResult) => void;
}

/** The sections whose failures were only warnings in heat-cfntools. */
export const TOLERATED_BY_HEAT: ReadonlySet<SectionName> = new Set([
  'packages',
  'sources',
  'users',
  'groups',
  'services',
]);

/** The exit codes of a failed step, as opposed to a usage error or a bug. */
const STEP_FAILURES: ReadonlySet<ExitCode> = new Set([
  ExitCode.failed,
  ExitCode.deadline,
  ExitCode.hungUp,
  ExitCode.interrupted,
  ExitCode.terminated,
]);

/**
 * Runs the steps one by one: it inspects, changes what differs, and records what changed. The first failure ends the run. A
 * signal (see System.abort) ends the running step and the run. Services that the steps have started are checked again before
 * the commands of a later config, and at the end.
 */
export function runSteps(plan: RunPlan, options: RunOptions): Promise<Report> {
  return new Run(plan, options).toEnd();
}

class Run {
  readonly #plan: RunPlan;
  readonly #options: RunOptions;
  readonly #world: World;
  readonly #changes = new RecordedChanges();
  readonly #results: StepResult[] = [];
  /** Steps that have ended. */
  #ended = 0;
  #stoppedBy: Problem | undefined;
  #isInterrupted = false;
  /** The watch of the current step. */
  #stepWatch: StepWatch | undefined;
  #hasPrinted = false;

  constructor(plan: RunPlan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    const { system, log, roleCredentials, transportTo, onPrivateText } = options;
    this.#world = {
      system,
      log,
      changes: this.#changes,
      roleCredentials,
      transportTo,
      onPrivateText,
      onPrinted: () => {
        this.#hasPrinted = true;
      },
      onWait: (what) => this.#stepWatch?.waitsFor(what),
    };
  }

  async toEnd(): Promise<Report> {
    const { system } = this.#options;
    const { steps, finish } = this.#plan;
    const begin = system.clock.elapsed();
    let before: BoundStep | undefined;
    for (const step of steps) {
      await signalsArrived(system);
      const reason: unknown = system.abort?.reason;
      if (reason instanceof Interrupted) {
        this.#interrupt(endedBySignal(reason, step, this.#left));
        break;
      }
      if (beginsCommands(step, before)) await this.#lookAgain('due');
      if (this.#stoppedBy === undefined) await this.#take(step);
      if (this.#stoppedBy !== undefined) break;
      before = step;
    }
    if (system.abort?.aborted !== true) await finish(this.#world);
    if (!this.#isInterrupted) await this.#lookAgain('all');
    const duration = system.clock.elapsed() - begin;
    return { results: this.#results, stoppedBy: this.#stoppedBy, notRun: this.#left, duration };
  }

  /** The number of steps that have not ended. */
  get #left(): number {
    return this.#plan.steps.length - this.#ended;
  }

  async #take(step: BoundStep): Promise<void> {
    const subject = { step: withoutCode(step) };
    await this.#attempt(subject, async (record) => {
      const outcome = await runStep(step, this.#world, this.#options.isOtherRoot);
      if (outcome.state === 'changed') this.#changes.add(step.section, outcome.changes ?? [step.entry.name]);
      record({ ...subject, state: outcome.state, what: wordsOf(outcome) });
    });
    this.#ended++;
  }

  /**
   * Checks the services again that the steps have started: those that have run for long enough (`due`), or all of them, for
   * which it waits. A failure is recorded for the step that started the service.
   */
  async #lookAgain(which: 'due' | 'all'): Promise<void> {
    const { watch } = this.#plan;
    const entries = watch.entries(which, this.#world);
    if (entries.length === 0) return;
    const steps = entries.flatMap((entry) => this.#results.find(({ step }) => step.entry === entry)?.step ?? []);
    await this.#attempt(watchOf(steps), async (record) => {
      const problems = await watch.look(entries, this.#world);
      const failures = steps.flatMap((step) => {
        const problem = problems.get(step.entry);
        return problem === undefined ? [] : [{ step, problem }];
      });
      const others = steps.filter(({ entry }) => !problems.has(entry));
      if (others.length > 0) record({ ...watchOf(others), state: 'unchanged', what: '' });
      for (const { step, problem } of failures) {
        record({ step, state: 'failed', what: problem.line, problem });
        this.#logOutput(problem);
      }
      for (const { step, problem } of failures) this.#fail(step, problem, problem === failures.at(-1)?.problem);
    });
  }

  /** Does the work of a step, and reports its begin, its duration and its failure. */
  async #attempt(subject: Subject, work: (record: (result: NewResult) => void) => Promise<void>): Promise<void> {
    const { system, log, onLasting, onStep } = this.#options;
    const { step } = subject;
    const begin = system.clock.elapsed();
    const record = (result: NewResult): void => this.#record({ ...result, duration: system.clock.elapsed() - begin });
    this.#hasPrinted = false;
    const current = watchStep(step, { log, clock: system.clock, findWait: this.#plan.findWait, onLasting });
    this.#stepWatch = current;
    onStep?.(step, current.wait);
    try {
      await work(record);
    } catch (caught) {
      const thrown = await signalBehind(caught, system);
      const left = subject.isWatch ? this.#left : this.#left - 1;
      const error =
        thrown instanceof Interrupted ? endedBySignal(thrown, step, left) : (machineProblem(thrown) ?? thrown);
      if (!(error instanceof Problem) || !STEP_FAILURES.has(error.exitCode)) throw error;
      record({ ...subject, state: 'failed', what: error.line, problem: error });
      this.#logOutput(error);
      if (thrown instanceof Interrupted) this.#interrupt(error);
      else this.#fail(step, error);
    } finally {
      current.end();
    }
  }

  #record(result: StepResult): void {
    const { log, tolerated, onResult } = this.#options;
    this.#results.push(result);
    // For a tolerated failure, the warning carries the event.
    const { event, ...about } = stepAbout(result);
    const isTolerated = result.state === 'failed' && tolerated.has(result.step.section);
    log.info(stepLine(result), isTolerated ? about : { event, ...about });
    onResult(result);
  }

  #logOutput({ output = '' }: Problem): void {
    // The output of commands and package tools is in the log already.
    if (output.trim() !== '' && !this.#hasPrinted) this.#options.log.info(`it printed\n${output.trimEnd()}`);
  }

  /**
   * Ends the run with a failure, unless the failure is tolerated or the run has failed already.
   * @param isLast false when another failure of the same check ends the run
   */
  #fail({ section, config, entry }: Step, problem: Problem, isLast = true): void {
    const { log, tolerated } = this.#options;
    const hasFailed = this.#stoppedBy !== undefined;
    if (tolerated.has(section)) {
      const about = { event: 'stepFailed', state: 'failed', section, config, entry: entry.name } as const;
      log.warning(hasFailed ? problem.line : `${problem.line}: continuing, as heat-cfntools did`, about);
    } else if (hasFailed || !isLast) log.error(problem.line);
    else this.#stoppedBy = problem;
  }

  /** Ends the run because of a signal. An earlier failure remains the reason. */
  #interrupt(problem: Problem): void {
    this.#isInterrupted = true;
    this.#stoppedBy ??= problem;
  }
}

/** The subject of a result: a step, or a later check of services that steps have started. */
type Subject = Pick<StepResult, 'step' | 'isWatch'>;
type NewResult = Omit<StepResult, 'duration'>;

function withoutCode({ section, config, entry }: BoundStep): Step {
  return { section, config, entry };
}

/** A later check of services that some steps have started, as a step of its own. */
function watchOf(steps: readonly Step[]): Subject {
  const names = steps.map(({ entry }) => entry.name).join(', ');
  const config = [...new Set(steps.map((step) => step.config))].join(', ');
  const entry = { name: `watch of ${names}`, place: `watch of ${names}` };
  return { step: { section: 'services', config, entry }, isWatch: true };
}

function beginsCommands(step: Step, before: Step | undefined): boolean {
  return step.section === 'commands' && (before?.section !== 'commands' || before.config !== step.config);
}

function wordsOf(outcome: Outcome): string {
  if (outcome.state === 'skipped') return outcome.reason;
  return outcome.state === 'changed' ? (outcome.what ?? '') : '';
}

/**
 * Lets the handlers of signals run. They need a turn of the event loop, which steps that only write files do not give. It
 * takes two turns, since the first one may have checked for signals already.
 */
async function signalsArrived({ abort }: System): Promise<void> {
  for (let turn = 0; abort !== undefined && turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Milliseconds within which a signal reaches both us and our children, for example when systemd stops the unit. */
const SAME_SIGNAL = 50;

/** The signal that ends the run, if it caused the failure; else the failure itself. */
async function signalBehind(failure: unknown, { abort, clock }: System): Promise<unknown> {
  if (abort === undefined || !(failure instanceof Problem)) return failure;
  try {
    await clock.sleep(SAME_SIGNAL);
    return failure;
  } catch (error) {
    return error instanceof Interrupted ? new Interrupted(error.signal, failure.output ?? failure.line) : error;
  }
}

/** @param left the number of steps that have not begun */
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
  if (isOtherRoot && !step.worksOnRoot) return { state: 'skipped', reason: 'not done with --root' };
  try {
    const found = await step.inspect(world);
    if (found.state !== 'differs') return found;
    const outcome = await found.apply();
    return outcome.state === 'changed' ? { ...outcome, what: outcome.what ?? found.what } : outcome;
  } catch (error) {
    // Packages create accounts, and are not installed with --root.
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
