import { ExitCode, Problem } from '../errors.ts';
import { isRecord } from '../json.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { isTimeText } from '../time.ts';
import { type HookState, waitOf } from './hook-state.ts';
import type { Hook } from './hooks.ts';
import { decodeAnswer, type LastAnswer, readLastAnswer, readLastChecks, runNotesFault } from './notes.ts';
import { type Follower, findFollower, type RunningAction, readRunning } from './other-loops.ts';
import type { HupConfig } from './settings.ts';
import { corruptStates, inspectHookState, stateKey } from './state-files.ts';

/** The lines of the status, and whether all is well. */
export interface Status {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

const HEADINGS = ['HOOK', 'CHECKED', 'CHANGED', 'SUCCEEDED', 'STATE'];
/** Columns of a console. */
const WIDTH = 80;
const GAP = '  ';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** How long a poll may be overdue: all fetches of a pass end by then. */
const LONGEST_POLL = 15 * MINUTE;
/** From one pass of cron or of a timer to the next, at most. */
const LONGEST_PAUSE = 2 * HOUR;

/** A line, and whether it reports a healthy state. */
interface Verdict {
  readonly text: string;
  readonly isWell: boolean;
}

/**
 * Who follows changes, the last answer of Heat, and the state of each hook: `cfn-hup --status`. It does not use the network
 * and changes nothing. No line is longer than 80 columns, unless a single word is.
 * @param loadConfig its Problem is returned as `problem`, together with the lines
 * @param option -c as it was given
 * @returns done when all is well: somebody follows, Heat answered, no hook fails, and the configuration is sound
 */
export async function statusOf(
  loadConfig: () => HupConfig,
  system: System,
  option: string | undefined,
  follower: () => Promise<Follower> = () => findFollower(system, option),
): Promise<Status & { readonly problem?: Problem }> {
  const now = system.clock.now();
  const actions = readRunning(system);
  let config: HupConfig;
  try {
    config = loadConfig();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { text } = followerVerdict(await follower(), undefined, actions[0], undefined, now);
    return { lines: folded(text), exitCode: ExitCode.failed, problem: error };
  }
  const { hooks, problems } = config;
  const running = actions.find(({ hook, file }) => hooks.some((own) => own.name === hook && own.file === file));
  const answer = readLastAnswer(system, config);
  const report = hookReport(config, system, running, now);
  const heads = [
    followerVerdict(await follower(), config, running, answer, now),
    answerVerdict(answer, hooks.length, now),
    ...(answer?.unkept === undefined ? [] : [{ text: `the last pass is incomplete: ${answer.unkept}`, isWell: false }]),
    ...noteFaults(system),
  ];
  const isWell = heads.every((head) => head.isWell) && report.isWell && problems.length === 0;
  return {
    lines: [
      ...heads.flatMap(({ text }) => folded(text)),
      ...report.lines,
      ...problems.flatMap((problem) => folded(`not used: ${problem}`)),
    ],
    exitCode: isWell ? ExitCode.done : ExitCode.failed,
  };
}

/** The faults of the notes below /run. */
function noteFaults(system: System): readonly Verdict[] {
  return [
    runNotesFault(system, paths.hupLastCheck, isTimeText),
    runNotesFault(system, paths.hupLastAnswer, (note) => decodeAnswer(note) !== undefined),
    runNotesFault(system, paths.hupFollowing),
    runNotesFault(system, paths.hupRunning, isRecord),
  ].flatMap((fault) =>
    fault === undefined ? [] : [{ text: `${fault}: remove it, the next pass writes it again`, isWell: false }],
  );
}

/** @param config undefined when it cannot be read */
function followerVerdict(
  follower: Follower,
  config: HupConfig | undefined,
  running: RunningAction | undefined,
  answer: LastAnswer | undefined,
  now: Date,
): Verdict {
  switch (follower.kind) {
    case 'nobody':
      return { text: `nobody follows changes: ${follower.advice}`, isWell: false };
    case 'process':
      return { text: `followed by process ${follower.pid} (cfn-hup --daemon)`, isWell: true };
    case 'daemon': {
      const { pid, unit, file, stack, nextPoll, hasFailed } = follower.daemon;
      const main = config?.files[0];
      const isOfOtherFile = main !== undefined && file !== '' && file !== main;
      if (isOfOtherFile || follower.isOther)
        return {
          text: `nobody follows the changes of ${main ?? 'these files'}: process ${pid} follows ${
            isOfOtherFile ? `those of ${file}, stack ${stack}` : 'other hooks'
          }`,
          isWell: false,
        };
      const who = unit === undefined ? `process ${pid} (cfn-hup --daemon)` : `${unit} (process ${pid})`;
      const left = nextPoll === undefined ? 0 : Date.parse(nextPoll) - now.getTime();
      const isStuck = -left > LONGEST_POLL && running === undefined;
      const next =
        left > 0
          ? `next poll in ${briefTime(left)}`
          : isStuck
            ? `its poll is ${briefTime(-left)} overdue`
            : 'a poll is in progress';
      const failed = hasFailed ? '; its last pass failed: see /var/log/cfn-hup.log' : '';
      return { text: `followed by ${who}, ${next}${failed}`, isWell: !isStuck && !hasFailed };
    }
    default: {
      const who = follower.kind === 'timer' ? 'cfn-hup.timer' : `cron, by ${follower.file}`;
      const pause = answer === undefined ? 0 : now.getTime() - Date.parse(answer.asked);
      const isLate = pause > LONGEST_PAUSE && running === undefined;
      const late = isLate ? `, but no pass was made for ${briefTime(pause)}` : '';
      return { text: `followed by ${who}${late}`, isWell: !isLate };
    }
  }
}

function answerVerdict(answer: LastAnswer | undefined, hooks: number, now: Date): Verdict {
  if (answer === undefined)
    return {
      text: hooks === 0 ? 'Heat is not asked, since there are no hooks' : 'Heat has not been asked yet',
      isWell: false,
    };
  const { kind, since, asked, line = 'see the log', resource } = answer;
  const [sinceThen, lastAsked] = [since, asked].map((time) => now.getTime() - Date.parse(time));
  const ago = `${briefTime(lastAsked ?? 0)} ago`;
  const about = resource === undefined ? '' : ` about the resource ${resource}`;
  switch (kind) {
    case 'answered':
      return { text: `Heat answered ${ago}`, isWell: true };
    case 'unreachable': {
      const time = briefTime(sinceThen ?? 0);
      return { text: `Heat has not answered${about} for ${time}, last asked ${ago}: ${line}`, isWell: false };
    }
    case 'refused':
      return {
        text: `Heat has refused${about.replace(' about', '')} since ${pointInTime(since, now)}: ${line}`,
        isWell: false,
      };
    case 'forbidden':
      return {
        text: `Heat's policy has forbidden guests to ask since ${pointInTime(since, now)}: ${line}`,
        isWell: false,
      };
    case 'unasked':
      return { text: `Heat could not be asked since ${pointInTime(since, now)}: ${line}`, isWell: false };
  }
}

function hookReport(
  config: HupConfig,
  system: System,
  running: RunningAction | undefined,
  now: Date,
): { readonly lines: readonly string[]; readonly isWell: boolean } {
  const { hooks, settings } = config;
  if (hooks.length === 0) return { lines: ['no hooks are configured'], isWell: true };
  const checks = readLastChecks(system);
  const rows: string[][] = [];
  const notes: string[] = [];
  let isWell = true;
  let unseen = 0;
  for (const hook of hooks) {
    const state = inspectHookState(system, hook, config);
    const { text, isFine } = stateOf(hook, state, settings.maxAttempts, running, now);
    isWell &&= isFine;
    if (state === undefined) unseen++;
    // The note of a check may be older: of a record that was removed, or of a hook before its path was changed.
    const times = typeof state !== 'object' ? [] : [checks.get(stateKey(hook)), state.lastChange, state.lastSuccess];
    rows.push([hook.name, ...[0, 1, 2].map((index) => ageText(times[index], now)), text]);
    if (typeof state === 'string') notes.push(`${hook.name}: ${state}`);
    else if (state?.isParked) notes.push(`${hook.name}: parked: it runs again when the value at its path changes`);
    if (typeof state === 'object' && state.reason !== undefined && state.lastFailure !== undefined)
      notes.push(`${hook.name}: failed ${pointInTime(state.lastFailure, now)}: ${state.reason}`);
    for (const file of corruptStates(system, hook)) notes.push(`${hook.name}: a corrupt state was set aside: ${file}`);
  }
  if (unseen > 0)
    notes.unshift(unseen === hooks.length ? 'no hook has been checked yet' : 'new hooks have not been checked yet');
  return { lines: [...table([HEADINGS, ...rows]), ...notes.flatMap((note) => folded(note))], isWell };
}

function stateOf(
  { name, file }: Hook,
  state: HookState | string | undefined,
  maxAttempts: number,
  running: RunningAction | undefined,
  now: Date,
): { readonly text: string; readonly isFine: boolean } {
  if (typeof state === 'string') return { text: 'damaged', isFine: false };
  if (running?.hook === name && running.file === file) {
    const time = briefTime(now.getTime() - Date.parse(running.since));
    // A second attempt means that the first one has failed.
    return { text: `running for ${time}`, isFine: (state?.attempts ?? 0) < 2 };
  }
  if (state === undefined) return { text: 'new', isFine: true };
  const { attempts, reason } = state;
  if (state.isParked) return { text: `parked after ${attempts}`, isFine: false };
  if (state.acknowledged.kind === 'unknown') return { text: 'record lost, runs again', isFine: true };
  if (state.failing === undefined) return { text: 'ok', isFine: true };
  const wait = waitOf(state, now);
  const due = wait > 0 ? `due in ${briefTime(wait)}` : 'due next poll';
  return { text: `${reason === undefined ? 'cut off' : 'failing'} ${attempts}/${maxAttempts}, ${due}`, isFine: false };
}

/** `12 s`, `34 min`, `5 h` or `6 days`. If the clock was set back, it returns `0 s`. */
function briefTime(milliseconds: number): string {
  const time = Math.max(0, milliseconds);
  if (time < 100 * SECOND) return `${Math.ceil(time / SECOND)} s`;
  if (time < 100 * MINUTE) return `${Math.round(time / MINUTE)} min`;
  return time < 48 * HOUR ? `${Math.round(time / HOUR)} h` : `${Math.round(time / (24 * HOUR))} days`;
}

function ageText(time: string | undefined, now: Date): string {
  return time === undefined ? 'never' : `${briefTime(now.getTime() - Date.parse(time))} ago`;
}

/** `2026-11-22 15:04:05Z (3 min ago)`, so that the time can be found in the log. */
function pointInTime(time: string, now: Date): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')}Z (${ageText(time, now)})`;
}

/** A table whose columns are as wide as their cells. A name that leaves no room for the others has a line of its own. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widthOf = (column: number, most = WIDTH): number =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0).filter((length) => length <= most));
  const others = [1, 2, 3, 4].map((column) => widthOf(column));
  const room = WIDTH - others.reduce((sum, width) => sum + GAP.length + width, 0);
  const widths = [widthOf(0, room), ...others];
  return rows.flatMap(([name = '', ...cells]) => {
    const line = (first: string): string =>
      [first, ...cells]
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(GAP)
        .trimEnd();
    return name.length <= room ? [line(name)] : [...folded(name), line('')];
  });
}

/** Breaks a text between words; the further lines are indented. */
function folded(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? word : `${GAP}${word}`);
  }
  return lines;
}
