import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, inject } from 'vitest';
import { rigAddresses } from '../heat/rig.ts';
import { project } from '../support/binary.ts';
import { type Ended, run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';

export const BUILD_TIMEOUT = 20 * 60_000;

/** What image-build/boot-test says of a boot. */
export interface Booted {
  readonly ended: Ended;
  /** The result of each check by its name: ok, FAILED, or not in this mode. */
  readonly checks: Readonly<Record<string, string>>;
  /** Seconds, by what took them. */
  readonly times: Readonly<Record<string, number>>;
  /** The directory of its logs. */
  readonly logs: string;
}

export interface Images {
  /** A file of the image: root.tar, raw, ... */
  file(kind: string): string;
  /** A directory for what a test makes. */
  readonly directory: string;
  /** The heat that is up, see scripts/lib/heat-up. */
  readonly heat: string;
  /** Runs boot-test on an image. @throws Error when it takes longer than so many milliseconds */
  boot(image: string, options: readonly string[], timeout: number): Promise<Booted>;
}

/** An image that tests boot; it is built once for all of them. */
export interface GuestImage {
  /** Its files are NAME.raw and the like. */
  readonly name: string;
  /** Why it cannot be built here. */
  reasonAgainst(): Promise<string | undefined>;
  /** Builds it in a directory, unless it is there. @throws Error when that fails */
  ensure(directory: string): Promise<void>;
}

/** The image of Debian 12, in all formats. */
const GUEST: GuestImage = { name: 'guest', reasonAgainst: async () => undefined, ensure: ensureGuest };

/** Call it at the top of a test file. @returns what gives the image, within tests and hooks that come later */
export function useImages(image: GuestImage = GUEST): () => Images {
  const rig = inject('heat');
  const directory = inject('images');
  let reason = 'directory' in rig ? undefined : rig.reasonAgainst;
  prepareMachine(async (note) => {
    reason ??= await image.reasonAgainst();
    if (reason !== undefined || !('directory' in rig)) return;
    await rigAddresses(rig.directory, note);
    await image.ensure(directory);
  }, BUILD_TIMEOUT + 60_000);
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason);
  });
  return () => {
    if (!('directory' in rig)) throw new Error('images are there within tests only');
    const heat = join(rig.directory, 'heat');
    return {
      directory,
      heat,
      file: (kind) => join(directory, `${image.name}.${kind}`),
      boot: (image, options, timeout) => boot(image, heat, directory, options, timeout),
    };
  };
}

/**
 * Runs a program that makes files in the directory of this run, once; who wants them later, in another process too, waits for
 * it. What it says is in DIRECTORY/NAME.log.
 * @param name of what is made
 * @throws Error with the end of the log when it fails; who asks next has it run again
 */
export async function builtOnce(directory: string, name: string, command: readonly string[]): Promise<void> {
  const once = 'log=$1; shift; [ -e "$0" ] || { "$@" >/dev/null 2>"$log" && : >"$0" && echo built; }';
  const stem = join(directory, name);
  const words = ['bash', '-c', once, `${stem}.done`, `${stem}.log`, ...command];
  // A wait for another one's build, and a build.
  const { code, stdout } = await run(['flock', `${stem}.lock`, ...words], { timeout: 2 * BUILD_TIMEOUT });
  const log = readFileSync(`${stem}.log`, 'utf8');
  if (code !== 0) throw new Error(`no ${name}, exit code ${code}: ${log.slice(-3000)}`);
  // The times of its parts are in it.
  if (stdout !== '') console.log(log);
}

/**
 * Builds the image in all formats, once for all files of test/image: guest.raw, guest.ova, ...
 * @throws Error when that fails
 */
export async function ensureGuest(directory: string): Promise<void> {
  await builtOnce(directory, 'guest', [join(project, 'test/image/build-image.sh'), directory, 'all']);
}

async function boot(
  image: string,
  heat: string,
  directory: string,
  options: readonly string[],
  timeout: number,
): Promise<Booted> {
  const name = `boot-${process.pid}-${performance.now()}`;
  // One for each boot, since others may go on at the same time.
  const [json, cache] = [join(directory, `${name}.json`), join(directory, `${name}.cache`)];
  const known = join(directory, 'known');
  copyNotes(known, cache);
  const logs = join(directory, `${name}.logs`);
  const ended = await run(
    [
      ...[join(project, 'image-build/boot-test'), '--heat', heat, '--json', json, '--cache', cache],
      ...['--logs', logs, ...options, image],
    ],
    { timeout },
  );
  // Said before anything is compared, so that a failure in an automatic run can be understood.
  console.log(`${ended.stdout}${ended.stderr}`);
  copyNotes(cache, known);
  const left = readdirSync(cache).filter((file) => !file.startsWith(NOTE));
  if (left.length > 0) throw new Error(`boot-test has left ${left.join(', ')}`);
  rmSync(cache, { recursive: true });
  if (!existsSync(json)) return { ended, checks: {}, times: {}, logs };
  const report = JSON.parse(readFileSync(json, 'utf8')) as {
    checks: { check: string; result: string }[];
    times: Record<string, number>;
  };
  return {
    ended,
    checks: Object.fromEntries(report.checks.map(({ check, result }) => [check, result])),
    times: report.times,
    logs,
  };
}

/** The note by which boot-test knows whether KVM works on this machine; without it, each boot would find out. */
const NOTE = 'kvm-works';

function copyNotes(from: string, to: string): void {
  for (const directory of [from, to]) mkdirSync(directory, { recursive: true });
  for (const note of readdirSync(from).filter((file) => file.startsWith(NOTE)))
    copyFileSync(join(from, note), join(to, note));
}

/** What is checked of each boot that goes on to an update of the stack. */
const CHECKS = [
  'signal named after the instance',
  'hostname',
  'full name',
  'locale',
  'key in authorized_keys',
  'ssh host keys',
  'ssh server runs',
  'machine id made',
  'nobody has a password',
  'ephemeral disk mounted',
  'root has grown',
  ...inGuest('at boot'),
  'cloud-init has come to its end',
  'data source',
  'cloud-init ended without errors',
  ...inGuest('after the update'),
];

function inGuest(when: string): string[] {
  return [
    `files ${when}`,
    `file content ${when}`,
    `command has run ${when}`,
    `user and group ${when}`,
    `services ${when}`,
    `no secret readable by nobody ${when}`,
    `known places of metadata closed ${when}`,
  ];
}

/** All checks passed, but those that the mode does not have. */
export function allPassed(without: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(CHECKS.map((name) => [name, without.includes(name) ? 'not in this mode' : 'ok']));
}
