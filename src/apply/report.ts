import type { Problem } from '../errors.ts';
import type { About } from '../logging/log.ts';
import type { Step } from '../sections/step.ts';

/** How a step ended. A failure that compatibility mode tolerates is `failed` as well. */
export interface StepResult {
  readonly step: Step;
  readonly state: 'changed' | 'unchanged' | 'skipped' | 'failed';
  /** What was changed, or why the step was skipped or failed; empty for an unchanged step. */
  readonly what: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly problem?: Problem;
  /** A later check of services that steps have started. It is not a step of the document. */
  readonly isWatch?: true;
}

export interface Report {
  /** In the order of the events: a service that has not stayed up has a second result. */
  readonly results: readonly StepResult[];
  /** The failure that ended the run early. */
  readonly stoppedBy: Problem | undefined;
  /** Steps that were not reached. */
  readonly notRun: number;
  /** Milliseconds. */
  readonly duration: number;
}

const STATES = ['changed', 'unchanged', 'skipped', 'failed'] as const;

/**
 * One line for a step, as in `files     changed    /etc/motd  (created, 0644 root:root)  2 ms`. It does not say why a step
 * failed: the line that ends the run does.
 */
export function stepLine({ step, state, what, duration }: StepResult): string {
  return stepColumns(step, state, state === 'failed' ? '' : what, formatDuration(duration));
}

/** A line about a step: its section, its state, its name, the details of the state, and a time. */
export function stepColumns({ section, entry }: Step, state: string, what?: string, time = ''): string {
  const columns = [section.padEnd(8), state.padEnd(9), entry.name, what ? `(${what})` : '', time];
  return columns.filter((column) => column !== '').join('  ');
}

/** The same as data, for the journal: an event only when the step changed something or failed. */
export function stepAbout({ step: { section, config, entry }, state, what }: StepResult): About {
  return {
    event: state === 'changed' ? 'stepDone' : state === 'failed' ? 'stepFailed' : undefined,
    severity: state === 'failed' ? 'ERROR' : undefined,
    tone: state,
    state,
    reason: state === 'failed' ? what : undefined,
    section,
    config,
    entry: entry.name,
  };
}

/** `3 changed, 1 unchanged in 1.2 s`. Each step counts once, with its last state. */
export function summaryLine({ results, notRun, duration }: Report): string {
  const steps = results.filter(({ isWatch }) => isWatch !== true);
  const states = [...new Map(steps.map(({ step, state }) => [step.entry, state])).values()];
  const counts = STATES.map((state) => [states.filter((one) => one === state).length, state] as const)
    .filter(([count]) => count > 0)
    .map(([count, state]) => `${count} ${state}`);
  if (notRun > 0) counts.push(`${notRun} not run`);
  return `${counts.length === 0 ? 'nothing to do' : counts.join(', ')} in ${formatDuration(duration)}`;
}

/** `12 ms`, `1.2 s`, `3 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds >= 60_000 && milliseconds % 60_000 === 0) return `${milliseconds / 60_000} min`;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
