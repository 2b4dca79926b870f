import type { Exec } from '../../../system/programs/exec.ts';

/** Milliseconds: the answer is helpful, but not worth a long wait. */
const ANSWER_TIME = 10_000;
/** How many messages are looked through: systemd's own are among those of the program. */
const MESSAGES = 20;
/** MESSAGE_ID of what systemd says when it begins to stop a unit that was to be stopped, and when it has started one. */
const STOPPING = 'de5b426a63be47a7b6ac3eaac82e2f6f';
const STARTED = '39f53479d3a045ac8e11786248231fbf';
/** What systemd says of every unit that fails. */
const COMMONPLACE =
  /^(Starting|Started|Stopping|Stopped|Failed to start) |: (Main|Control) process exited|: Failed with /;

/**
 * What the journal has on a unit since a time: its program's own lines, or systemd's when it said nothing.
 * @returns its last lines, maybe more than a person wants to read; none when there is no journal
 */
export async function journalLines(exec: Exec, unit: string, since: Date): Promise<readonly string[]> {
  if (exec.find('journalctl') === undefined) return [];
  // What a program has just printed may still be on its way.
  await exec.tool(['journalctl', '--sync'], { timeout: ANSWER_TIME });
  const command = ['journalctl', '-n', String(MESSAGES), '--no-pager', '-q', '-o', 'json', ...matchesOf(unit)] as const;
  return wordsOf((await exec.tool(command, { timeout: ANSWER_TIME })).stdout, since);
}

/**
 * Whether somebody has told systemd to stop a unit since a time, and not to start it again after that.
 * @param since before the unit was started
 * @returns undefined where the journal lacks even the start: there is none, or LogLevelMax= keeps such messages from it
 */
export async function wasStopped(exec: Exec, unit: string, since: Date): Promise<boolean | undefined> {
  if (exec.find('journalctl') === undefined) return undefined;
  await exec.tool(['journalctl', '--sync'], { timeout: ANSWER_TIME });
  const messages = ['_PID=1', `UNIT=${unit}`, `MESSAGE_ID=${STOPPING}`, `MESSAGE_ID=${STARTED}`];
  const command = ['journalctl', '-n', '1', '--no-pager', '-q', '-o', 'json', ...messages] as const;
  const [last] = entriesOf((await exec.tool(command, { timeout: ANSWER_TIME })).stdout, since);
  return last === undefined ? undefined : last['MESSAGE_ID'] === STOPPING;
}

/**
 * What `journalctl -u` looks for (journalctl(1), systemd.journal-fields(7)), and what other processes of
 * root say of the unit. One of these is the process that could not execute the program: it has ended by the time that a
 * busy journald looks which unit it was of.
 */
function matchesOf(unit: string): readonly string[] {
  const ofRoot = ['UNIT', 'OBJECT_SYSTEMD_UNIT', 'COREDUMP_UNIT'].flatMap((field) => [
    '+',
    `${field}=${unit}`,
    '_UID=0',
  ]);
  return [`_SYSTEMD_UNIT=${unit}`, ...ofRoot];
}

/** @param journal one JSON object a line, as `journalctl -o json` prints */
export function wordsOf(journal: string, since: Date): readonly string[] {
  const messages = entriesOf(journal, since)
    .map((entry) => ({ isSystemd: entry['_PID'] === '1', text: textOf(entry['MESSAGE']) }))
    .filter(({ text }) => text !== '');
  const own = messages.filter(({ isSystemd }) => !isSystemd);
  const chosen = own.length > 0 ? own : messages.filter(({ text }) => !COMMONPLACE.test(text));
  return chosen.map(({ text }) => text);
}

function entriesOf(journal: string, since: Date): readonly Readonly<Record<string, unknown>>[] {
  return journal
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((entry) => Number(entry['__REALTIME_TIMESTAMP']) / 1000 >= since.getTime());
}

/** Text that is not UTF-8 comes as a list of bytes, and text that is too long as null. */
function textOf(message: unknown): string {
  return (Array.isArray(message) ? Buffer.from(message as number[]).toString('utf8') : String(message ?? '')).trim();
}

/** Of the last words: lines, and characters of each. */
const LINES = 3;
const MOST_CHARACTERS = 200;

/**
 * For a hint: the end of what a program said.
 * @param lines empty ones are ignored
 * @returns as in `its last words: no license | giving up`, at most three lines, each cut to 200 characters
 */
export function lastWords(lines: readonly string[]): string {
  const words = lines
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '')
    .slice(-LINES)
    .map((line) => (line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}...` : line));
  return words.length === 0 ? 'it said nothing' : `its last words: ${words.join(' | ')}`;
}
