import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, inject } from 'vitest';
import { rigAddresses } from '../heat/rig.ts';
import { project } from '../support/binary.ts';
import { type Ended, run } from '../support/process.ts';

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
  beforeAll(async () => {
    reason ??= await image.reasonAgainst();
    if (reason !== undefined || !('directory' in rig)) return;
    await rigAddresses(rig.directory);
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
 * Builds the image in all formats, once for all files of test/image: guest.raw, guest.ova, ...
 * @throws Error when that fails
 */
export async function ensureGuest(directory: string): Promise<void> {
  if (existsSync(join(directory, 'guest.manifest.json'))) return;
  const { code, stderr } = await run([join(project, 'test/image/build-image.sh'), directory, 'all'], {
    timeout: BUILD_TIMEOUT,
  });
  if (code !== 0) throw new Error(`no image, exit code ${code}: ${stderr.slice(-3000)}`);
}

async function boot(
  image: string,
  heat: string,
  directory: string,
  options: readonly string[],
  timeout: number,
): Promise<Booted> {
  const name = `boot-${performance.now()}`;
  // One cache for all of them: whether KVM works is found out once.
  const [json, cache] = [join(directory, `${name}.json`), join(directory, 'cache')];
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
  const left = readdirSync(cache).filter((file) => !file.startsWith('kvm-works'));
  if (left.length > 0) throw new Error(`boot-test has left ${left.join(', ')}`);
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

/** What is checked of each boot that goes on to an update of the stack. */
export const CHECKS = [
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
