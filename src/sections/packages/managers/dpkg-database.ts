import { Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Debian's name for the architecture; `all` for none. */
  readonly architecture: string;
  /** An administrator has pinned it to its version (`apt-mark hold`). */
  readonly isHeld: boolean;
}

const STATUS = '/var/lib/dpkg/status';
/** What dpkg has not yet written into the status file. */
const JOURNAL = '/var/lib/dpkg/updates';
const MOST_BYTES = 256 * 1024 * 1024;
const QUERY_FORMAT =
  'Package: ${Package}\\nStatus: ${Status}\\nArchitecture: ${Architecture}\\nVersion: ${Version}\\n\\n';

/** What is installed, by the name that is asked for. It may carry an architecture (`libc6:i386`). */
export interface DpkgStatus {
  get(name: string): InstalledPackage | undefined;
}

/**
 * Reads dpkg's database, once for all names: as libapt does, from its status file, which dpkg replaces in one step; a
 * dpkg-query would cost twice its own time here. dpkg-query is asked, once, where the file is incomplete: dpkg is at work or was
 * interrupted, or works on another directory.
 */
export async function readDpkgStatus({ system }: World): Promise<DpkgStatus> {
  const { files, environment, exec } = system;
  const isElsewhere = ['DPKG_ADMINDIR', 'DPKG_ROOT'].some((variable) => environment[variable] !== undefined);
  if (!isElsewhere && files.entry(JOURNAL) !== undefined && files.names(JOURNAL).length === 0) {
    const status = files.readIfPresent(STATUS, MOST_BYTES);
    if (status !== undefined) return parseStatus(status.toString('latin1'));
  }
  // All packages: with hundreds of names it would take longer, and exit with 1 for each that is not known.
  const { exitCode, stdout, output } = await exec.query(['dpkg-query', '--show', `--showformat=${QUERY_FORMAT}`]);
  if (exitCode !== 0)
    throw new Problem(`dpkg-query ended with exit code ${exitCode}`, {
      where: 'packages',
      hint: 'see the log',
      output,
    });
  return parseStatus(stdout);
}

/**
 * Makes dpkg's status file ready to be asked. Where several architectures are installed, dpkg's own is meant. Paragraphs are
 * only parsed for the names that are asked for: they are most of the text.
 */
export function parseStatus(text: string): DpkgStatus {
  const places = new Map<string, (readonly [start: number, end: number])[]>();
  for (let start = 0; start < text.length; ) {
    const blank = text.indexOf('\n\n', start);
    const end = blank < 0 ? text.length : blank;
    const name = nameAt(text, start, end);
    const others = name === undefined ? undefined : places.get(name);
    if (others !== undefined) others.push([start, end]);
    else if (name !== undefined) places.set(name, [[start, end]]);
    start = end + 2;
  }
  const installed = (name: string): readonly InstalledPackage[] =>
    (places.get(name) ?? []).flatMap(([start, end]) => parseParagraph(name, text.slice(start, end)) ?? []);
  const native = installed('dpkg')[0]?.architecture;
  return {
    get(name) {
      const { base, architecture } = splitName(name);
      const candidates = installed(base);
      const fits = (wanted: string | undefined): InstalledPackage | undefined =>
        candidates.find((one) => one.architecture === 'all' || one.architecture === wanted);
      return architecture === undefined ? (fits(native) ?? candidates[0]) : fits(architecture);
    },
  };
}

/** dpkg begins each paragraph with the name. */
function nameAt(text: string, start: number, end: number): string | undefined {
  const field = 'Package: ';
  if (!text.startsWith(field, start)) return undefined;
  const line = text.indexOf('\n', start);
  return text.slice(start + field.length, line < 0 || line > end ? end : line).trim();
}

/** @returns undefined for a package that is not installed */
function parseParagraph(name: string, text: string): InstalledPackage | undefined {
  const [want, , state] = fieldOf(text, 'Status').split(' ');
  if (state !== 'installed') return undefined;
  return {
    name,
    version: fieldOf(text, 'Version'),
    architecture: fieldOf(text, 'Architecture'),
    isHeld: want === 'hold',
  };
}

/** dpkg writes `Name: value`. By plain search, which is faster than compiling patterns. */
function fieldOf(text: string, name: string): string {
  const start = text.indexOf(`\n${name}: `);
  if (start < 0) return '';
  const end = text.indexOf('\n', start + 1);
  return text.slice(start + name.length + 3, end < 0 ? text.length : end).trim();
}

/** `libc6:i386` -> libc6 and i386. `:any` and `:native` ask for none in particular. */
export function splitName(name: string): { readonly base: string; readonly architecture: string | undefined } {
  const [base = '', architecture] = name.split(':');
  return { base, architecture: architecture === 'any' || architecture === 'native' ? undefined : architecture };
}

/** @throws Problem for a package that would change, but that an administrator holds at its version */
export function refuseHeld(manager: string, changing: readonly (InstalledPackage | undefined)[]): void {
  const held = changing.filter((one) => one?.isHeld === true) as InstalledPackage[];
  if (held.length === 0) return;
  const names = held.map(({ name }) => name);
  throw new Problem(`held back: ${held.map(({ name, version }) => `${name} at ${version}`).join(', ')}`, {
    where: `packages ${manager}`,
    hint: `apt-mark unhold ${names.join(' ')}, or ask for the version that is installed`,
  });
}
