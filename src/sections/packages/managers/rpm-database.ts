import type { PackageRequest } from '../../../config/config.ts';
import type { World } from '../../step.ts';
import { matchesVersion } from '../manager.ts';
import { parseRpmVersion } from './rpm-version.ts';

export interface RpmPackage {
  readonly name: string;
  /** Digits; `0` where the package has none. */
  readonly epoch: string;
  readonly version: string;
  readonly release: string;
  readonly architecture: string;
}

/** An installed package, seen from a name that was asked for: its own, that of something it provides, or a file's. */
export interface InstalledRpm extends RpmPackage {
  /** Where the name is only provided: the version it is provided in, which may be empty. */
  readonly providedVersion: string | undefined;
}

/** By name as asked for. A name that nothing provides is not in it. */
export type InstalledRpms = ReadonlyMap<string, readonly InstalledRpm[]>;

const IDENTITY = '%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}';
const WITH_PROVIDES = `${IDENTITY}\\t[%{PROVIDENAME}=%{PROVIDEVERSION} ]\\n`;
const ARCHITECTURE =
  /\.(noarch|x86_64|i[3-6]86|aarch64|armv[5-8]\w*|ppc64(?:le)?|s390x?|riscv64|loongarch64|mips\w*|ia64|athlon)$/;

/**
 * True for what only the tool itself can resolve: groups and modules (`@core`), patterns (`php-*`), conditions
 * (`vim >= 8`), and package files.
 */
export function isBeyondNames(name: string): boolean {
  return /^@|[*?[\]<>=\s]|:\/\/|^\/.*\.rpm$/.test(name);
}

/** Splits `NAME.ARCH`, as dnf and zypper take it. */
export function splitArchitecture(name: string): readonly [name: string, architecture: string | undefined] {
  const architecture = name.includes('.') ? ARCHITECTURE.exec(name)?.[1] : undefined;
  return architecture === undefined ? [name, undefined] : [name.slice(0, -architecture.length - 1), architecture];
}

/**
 * Which of the names are installed, or else provided by something that is: `vim` by vim-enhanced. One query for all
 * names, and one more for each name that is the path of a file.
 */
export async function installedRpms(names: readonly string[], world: World): Promise<InstalledRpms> {
  const found = new Map<string, readonly InstalledRpm[]>();
  const { exec } = world.system;
  if (exec.find('rpm') === undefined) return found;
  const plain = names.filter((name) => !isBeyondNames(name));
  const asked = plain.filter((name) => !name.startsWith('/'));
  if (asked.length > 0) {
    const bases = new Set(asked.map((name) => splitArchitecture(name)[0]));
    // Exit code and text say only that some are not installed.
    const command = ['rpm', '-q', '--whatprovides', '--queryformat', WITH_PROVIDES, '--', ...bases] as const;
    const { stdout } = await exec.query(command);
    const own = rpmsByName(stdout, ({ name }) => [[name, undefined]]);
    let provided: InstalledRpms | undefined;
    for (const name of asked) {
      const there = ofArchitecture(own, name);
      // The provides are only parsed for the rest, to save time: they are most of the text.
      if (there.length === 0) provided ??= rpmsByName(stdout, providedNames);
      const rpms = there.length > 0 ? there : ofArchitecture(provided ?? new Map(), name);
      if (rpms.length > 0) found.set(name, rpms);
    }
  }
  for (const path of plain.filter((name) => name.startsWith('/'))) {
    const { stdout } = await exec.query(['rpm', '-q', '--file', '--queryformat', `${IDENTITY}\\n`, '--', path]);
    for (const line of stdout.split('\n')) {
      const rpm = parseRpmIdentity(line);
      if (rpm !== undefined) found.set(path, [...(found.get(path) ?? []), { ...rpm, providedVersion: undefined }]);
    }
  }
  return found;
}

type NameAndVersion = readonly [name: string, providedVersion: string | undefined];

function rpmsByName(
  text: string,
  namesOf: (rpm: RpmPackage, provides: string) => Iterable<NameAndVersion>,
): InstalledRpms {
  const found = new Map<string, InstalledRpm[]>();
  for (const [, name = '', epoch = '', version = '', release = '', architecture = '', provides = ''] of text.matchAll(
    /^(.+?)\t(.*?)\t(.*?)\t(.*?)\t(.*?)\t(.*)$/gm,
  ))
    for (const [named, providedVersion] of namesOf({ name, epoch, version, release, architecture }, provides)) {
      const rpm = { name, epoch, version, release, architecture, providedVersion };
      const known = found.get(named);
      if (known === undefined) found.set(named, [rpm]);
      // rpm prints a package once for each name by which it was found.
      else if (known.every((other) => identityOf(other) !== identityOf(rpm))) known.push(rpm);
    }
  return found;
}

/** Of `NAME=VERSION` words; a name may itself contain `=`. The last of several versions of a name counts. */
function providedNames(_: RpmPackage, provides: string): Iterable<NameAndVersion> {
  const words = provides.split(' ').filter((word) => word !== '');
  return new Map(
    words.map((word) => {
      const at = word.lastIndexOf('=');
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

/** The packages of a name, which may have an architecture. */
function ofArchitecture(rpms: InstalledRpms, name: string): readonly InstalledRpm[] {
  const [base, architecture] = splitArchitecture(name);
  const found = rpms.get(base) ?? [];
  return architecture === undefined ? found : found.filter((rpm) => rpm.architecture === architecture);
}

/** The identities of all that is installed: they only tell what a transaction has changed. */
export async function allRpms({ system }: World): Promise<ReadonlyMap<string, RpmPackage>> {
  if (system.exec.find('rpm') === undefined) return new Map();
  const { stdout } = await system.exec.query(['rpm', '-q', '--all', '--queryformat', `${IDENTITY}\\n`]);
  const packages = stdout.split('\n').flatMap((line) => parseRpmIdentity(line) ?? []);
  return new Map(packages.map((rpm) => [identityOf(rpm), rpm]));
}

/** What package files are, in their order; undefined for one that rpm cannot read. */
export async function rpmFiles(
  files: readonly string[],
  { system }: World,
): Promise<readonly (RpmPackage | undefined)[]> {
  const identify = async (paths: readonly string[]): Promise<RpmPackage[]> => {
    // Without a manifest: rpm would take any text for a list of packages to fetch.
    const { stdout } = await system.exec.query([
      'rpm',
      '-q',
      '--package',
      '--nomanifest',
      '--queryformat',
      `${IDENTITY}\\n`,
      '--',
      ...paths,
    ]);
    return stdout.split('\n').flatMap((line) => parseRpmIdentity(line) ?? []);
  };
  if (files.length === 0) return [];
  const together = await identify(files);
  if (together.length === files.length) return together;
  const each: (RpmPackage | undefined)[] = [];
  for (const file of files) each.push((await identify([file]))[0]);
  return each;
}

/** `NAME-EPOCH:VERSION-RELEASE.ARCH`. */
export function identityOf({ name, epoch, version, release, architecture }: RpmPackage): string {
  return `${name}-${epoch}:${version}-${release}.${architecture}`;
}

/** True when what the request asks for is installed: any version, or the one that it lists. Of several, only the newest counts. */
export function isMetBy({ name, versions }: PackageRequest, installed: InstalledRpms): boolean {
  const present = installed.get(name) ?? [];
  return present.length > 0 && versions.every((wanted) => present.some((rpm) => hasVersion(rpm, wanted)));
}

/** True for VERSION, VERSION-RELEASE, each with or without EPOCH: and .ARCH; `*` is for anything, as in dnf. */
export function hasVersion(rpm: InstalledRpm, wanted: string): boolean {
  const { epoch, version, release } = rpm.providedVersion === undefined ? rpm : parseRpmVersion(rpm.providedVersion);
  const full = `${version}-${release}`;
  const forms = [version, full, `${full}.${rpm.architecture}`].flatMap((form) => [form, `${epoch}:${form}`]);
  return forms.some((form) => matchesVersion(form, wanted));
}

function parseRpmIdentity(line: string): RpmPackage | undefined {
  const [name, epoch, version, release, architecture] = line.split('\t');
  if (name === undefined || epoch === undefined || version === undefined) return undefined;
  if (release === undefined || architecture === undefined) return undefined;
  return { name, epoch, version, release, architecture };
}
