import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import { withoutUserInfo } from '../../../url.ts';
import type { World } from '../../step.ts';
import { namesOf, type PackageManager, requireVersions } from '../manager.ts';
import { callPackageTool, packageToolProblem, type ToolSigns } from '../package-tool.ts';

/** The versions of each gem that are installed. */
type InstalledGems = ReadonlyMap<string, readonly string[]>;

/** Ruby gems. Several versions of a gem can be installed at once, so every version of a list is, and none is removed. */
export const rubygems: PackageManager<InstalledGems> = {
  name: 'rubygems',

  async inspect(requests, world) {
    requireVersions('rubygems', requests);
    const found = await installedGems(world);
    const missing = requests.filter(({ name, versions }) => {
      const present = found.get(name);
      return present === undefined || !versions.every((version) => present.includes(version));
    });
    return { missing, found };
  },

  async apply({ missing, found: before }, world) {
    if (world.system.exec.find('gem') === undefined) throw gemMissing();
    // No `--` before the names: what follows it goes to the compiler of an extension.
    // A version that is installed in another spelling (1.0 is 1.0.0) is not installed again.
    const command = ['gem', 'install', '--no-document', '--conservative', ...missing.flatMap(gemsOf)] as const;
    const result = await callPackageTool({ manager: 'rubygems', command, signs }, world);
    if (result.exitCode !== 0)
      throw packageToolProblem({ manager: 'rubygems', command }, result, parseGemErrors(result.output));
    // It succeeds without a word for a version in another spelling.
    const after = await installedGems(world);
    return namesOf(missing).filter((name) => String(before.get(name)) !== String(after.get(name)));
  },
};

/** Asks `gem list` once; empty where there is no Ruby. */
async function installedGems({ system }: World): Promise<InstalledGems> {
  if (system.exec.find('gem') === undefined) return new Map();
  const command = ['gem', 'list', '--local', '--no-verbose'] as const;
  const result = await system.exec.query(command);
  if (result.exitCode !== 0) throw packageToolProblem({ manager: 'rubygems', command }, result);
  return parseGemList(result.stdout);
}

/** Reads lines `name (2.0 ruby java, default: 1.0)`. */
export function parseGemList(text: string): InstalledGems {
  const installed = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    const [, name, versions] = /^(\S+) \((.*)\)$/.exec(line.trim()) ?? [];
    if (name === undefined || versions === undefined) continue;
    installed.set(
      name,
      versions.split(',').map((version) => version.replace('default:', '').trim().split(' ')[0] ?? ''),
    );
  }
  return installed;
}

function gemsOf({ name, versions }: PackageRequest): readonly string[] {
  return versions.length === 0 ? [name] : versions.map((version) => `${name}:${version}`);
}

const signs: ToolSigns = {
  isLocked: () => false, // gem has no lock
  failingRepository: parseFailingSource,
};

/** The gem source that did not answer; one that has no such file does not fail. */
export function parseFailingSource(output: string): string | undefined {
  const [, source, why = ''] = /Unable to download data from (\S+) - (.*)/.exec(output) ?? [];
  if (source !== undefined && !/bad response .* 4\d\d|ENOENT/.test(why)) return withoutUserInfo(source);
  const [, reason = '', url] = /\(Gem::RemoteFetcher::\w+\)\s+(.*) \((\w+:\/\/\S+)\)/.exec(output) ?? [];
  return url === undefined || /bad response .* 4\d\d|ENOENT/.test(reason) ? undefined : withoutUserInfo(url);
}

/** What gem says is wrong. The reason is in the line below `here is why:`. */
export function parseGemErrors(output: string): string | undefined {
  const errors = [...output.matchAll(/^ERROR: +(.*(?:here is why:|\(Gem::[\w:]+\))\n.*|.*)$/gm)]
    .map(([, text = '']) => withoutUserInfo(text.replace(/\s+/g, ' ').trim()))
    .slice(0, 3);
  return errors.length === 0 ? undefined : errors.join('; ');
}

function gemMissing(): Problem {
  return new Problem('gem is not installed', {
    where: 'packages rubygems',
    hint: 'install it first, by ruby under apt, apk or pacman, or rubygems under yum, dnf or zypper',
  });
}
