import type { Exec } from '../../../system/exec.ts';

/** Milliseconds: what it says is of use, and not worth a long wait. */
const ANSWER_TIME = 10_000;
/** How many messages are looked through: systemd's own stand between those of the program. */
const MESSAGES = 20;
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
 * What `journalctl -u` looks for (journalctl(1), systemd.journal-fields(7)), with one thing more: it believes only PID 1 what it
 * says of a unit. The process that could not execute the program says so itself, and is gone by the time that a busy
 * journald looks which unit it was of.
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
  const messages = journal
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((entry) => Number(entry['__REALTIME_TIMESTAMP']) / 1000 >= since.getTime())
    .map((entry) => ({ isSystemd: entry['_PID'] === '1', text: textOf(entry['MESSAGE']) }))
    .filter(({ text }) => text !== '');
  const own = messages.filter(({ isSystemd }) => !isSystemd);
  const chosen = own.length > 0 ? own : messages.filter(({ text }) => !COMMONPLACE.test(text));
  return chosen.map(({ text }) => text);
}

/** Text that is not UTF-8 comes as a list of bytes, and text that is too long as null. */
function textOf(message: unknown): string {
  return (Array.isArray(message) ? Buffer.from(message as number[]).toString('utf8') : String(message ?? '')).trim();
}
