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

/**
 * Which of the packages are installed, by the names that were asked for. A name may carry an architecture
 * (`libc6:i386`). One read of dpkg's database for all names: as libapt does, from its status file, which dpkg replaces
 * in one step; a dpkg-query would cost twice its own time here. dpkg-query is asked, once, where the file is not the
 * whole truth: dpkg is at work or was interrupted, or works on another directory.
 */
export async function installedPackages(
  names: readonly string[],
  { system }: World,
): Promise<ReadonlyMap<string, InstalledPackage>> {
  if (names.length === 0) return new Map();
  const { files, environment, exec } = system;
  const isElsewhere = ['DPKG_ADMINDIR', 'DPKG_ROOT'].some((variable) => environment[variable] !== undefined);
  if (!isElsewhere && files.entry(JOURNAL) !== undefined && files.names(JOURNAL).length === 0) {
    const status = files.readIfPresent(STATUS, MOST_BYTES);
    if (status !== undefined) return parseStatus(status.toString('latin1'), names);
  }
  // All packages: with hundreds of names it would take longer, and exit with 1 for each that is not known.
  const { exitCode, stdout, output } = await exec.query(['dpkg-query', '--show', `--showformat=${QUERY_FORMAT}`]);
  if (exitCode !== 0)
    throw new Problem(`dpkg-query ended with exit code ${exitCode}`, {
      where: 'packages',
      hint: 'see the log',
      output,
    });
  return parseStatus(stdout, names);
}

/** As much of a paragraph as says what is installed. */
interface Paragraph extends InstalledPackage {
  readonly isInstalled: boolean;
}

/** Finds the installed ones among `names` in dpkg's status file. Where several architectures are, dpkg's own is meant. */
export function parseStatus(text: string, names: readonly string[]): ReadonlyMap<string, InstalledPackage> {
  const wanted = new Set(['dpkg', ...names.map((name) => splitName(name).base)]);
  const present = new Map<string, InstalledPackage[]>();
  for (let start = 0; start < text.length; ) {
    const blank = text.indexOf('\n\n', start);
    const end = blank < 0 ? text.length : blank;
    const name = nameAt(text, start, end);
    if (name !== undefined && wanted.has(name)) {
      const { isInstalled, ...found } = parseParagraph(name, text.slice(start, end));
      if (isInstalled) present.set(name, [...(present.get(name) ?? []), found]);
    }
    start = end + 2;
  }
  const native = present.get('dpkg')?.[0]?.architecture;
  const result = new Map<string, InstalledPackage>();
  for (const name of names) {
    const { base, architecture } = splitName(name);
    const candidates = present.get(base) ?? [];
    const fits = (wish: string | undefined): InstalledPackage | undefined =>
      candidates.find((one) => one.architecture === 'all' || one.architecture === wish);
    const found = architecture === undefined ? (fits(native) ?? candidates[0]) : fits(architecture);
    if (found !== undefined) result.set(name, found);
  }
  return result;
}

/** dpkg begins each paragraph with the name. */
function nameAt(text: string, start: number, end: number): string | undefined {
  const field = 'Package: ';
  if (!text.startsWith(field, start)) return undefined;
  const line = text.indexOf('\n', start);
  return text.slice(start + field.length, line < 0 || line > end ? end : line).trim();
}

function parseParagraph(name: string, text: string): Paragraph {
  const [want, , state] = fieldOf(text, 'Status').split(' ');
  return {
    name,
    version: fieldOf(text, 'Version'),
    architecture: fieldOf(text, 'Architecture'),
    isHeld: want === 'hold',
    isInstalled: state === 'installed',
  };
}

/** dpkg writes `Name: value`. By plain search: patterns would take longer to make than all the rest takes. */
function fieldOf(text: string, name: string): string {
  const start = text.indexOf(`\n${name}: `);
  if (start < 0) return '';
  const end = text.indexOf('\n', start + 1);
  return text.slice(start + name.length + 3, end < 0 ? text.length : end).trim();
}

/** `libc6:i386` -> libc6 and i386. `:any` and `:native` are dpkg's words for no wish. */
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
