import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { project as sources } from './binary.ts';
import type { Held } from './once-per-run.ts';
import type { Note } from './second-attempt.ts';

/** Services that are coming up in a directory, or why there are none. */
export type Rig = { readonly directory: string } | { readonly reasonAgainst: string };

const scripts = join(sources, 'scripts/lib');

/**
 * Starts the services when they are wanted, and ends them when the tests are done, however they end: then its stdin is
 * closed. Without a line, read has an exit code above 128 when its time is over, and 1 when stdin is closed.
 */
const HOLD = `
until [ -e "$1/wanted" ]; do
  code=0
  read -r -t 0.5 _ || code=$?
  [ "$code" -gt 128 ] || { rm -rf "$1"; exit; }
done
"$0/$2-up" "$1/$2" || {
  # Once more: a busy machine may have kept one of them from coming up.
  echo "exit code $?" >"$1/again"
  rm -rf "$1/$2"
  "$0/$2-up" "$1/$2" || echo "exit code $?" >"$1/failed"
}
read -r _
"$0/$2-down" "$1/$2"
rm -rf "$1"
`;

/**
 * Holds what scripts/lib/NAME-up brings up once it is wanted, see wantRig, without waiting until it is up: who uses it does,
 * see rigFile.
 * @param settings variables that NAME-up reads
 * @returns where it will be, and what ends it
 */
export function holdRig(name: string, settings: Readonly<Record<string, string>> = {}): Held<Rig> {
  const env = { ...process.env, ...settings };
  const reasonAgainst = execFileSync(join(scripts, `${name}-up`), ['--check'], { encoding: 'utf8', env }).trim();
  if (reasonAgainst !== '') return { value: { reasonAgainst }, end: async () => {} };
  const directory = mkdtempSync(join(tmpdir(), `cfntools-${name}-`));
  const output = openSync(join(directory, 'output'), 'w');
  // In a session of its own, so that an interrupt from the keyboard does not end it in the middle.
  const holder = spawn('bash', ['-c', HOLD, scripts, directory, name], {
    stdio: ['pipe', output, output],
    detached: true,
    env,
  });
  closeSync(output);
  const ended = new Promise((resolve) => holder.once('close', resolve));
  return {
    value: { directory },
    end: async () => {
      holder.stdin?.end();
      await ended;
    },
  };
}

/** Has the services started, unless they are. When they do not come up, they are started once more. */
export function wantRig(directory: string): void {
  writeFileSync(join(directory, 'wanted'), '');
}

/**
 * Waits until the services are up. @returns the file NAME.json that they then leave, decoded
 * @param timeout milliseconds for all of it
 * @param note is told when they only came up the second time
 * @throws Error with the end of their log when they do not come up
 */
export async function rigFile(name: string, directory: string, timeout: number, note: Note): Promise<unknown> {
  const file = join(directory, name, `${name}.json`);
  for (let waited = 0; !existsSync(file); waited += 100) {
    if (waited > timeout || existsSync(join(directory, 'failed'))) {
      const output = readFileSync(join(directory, 'output'), 'utf8').slice(-5000);
      throw new Error(`no ${name} after ${waited / 1000} s:\n${output}`);
    }
    await sleep(100);
  }
  const again = join(directory, 'again');
  if (existsSync(again)) note(`${name} did not come up the first time: ${readFileSync(again, 'utf8').trim()}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}
