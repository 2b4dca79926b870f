import { lastLine, Problem } from '../../../errors.ts';
import type { PackageManager } from '../manager.ts';

/** Ruby gems; several versions of one gem may be installed side by side. */
export const rubygems: PackageManager = {
  name: 'rubygems',

  async missing(requests, { system }) {
    const { stdout } = await system.exec.tool(['gem', 'list', '--local', '--no-verbose']);
    const installed = new Map<string, readonly string[]>();
    for (const line of stdout.split('\n')) {
      const [, name, versions] = /^(\S+) \((.*)\)$/.exec(line.trim()) ?? [];
      if (name !== undefined && versions !== undefined)
        installed.set(
          name,
          versions.split(',').map((version) => version.replace('default:', '').trim()),
        );
    }
    return requests.filter(({ name, versions }) => {
      const present = installed.get(name);
      return present === undefined || !versions.every((version) => present.includes(version));
    });
  },

  async install(requests, { system }) {
    const gems = requests.flatMap(({ name, versions }) =>
      versions.length === 0 ? [name] : versions.map((version) => `${name}:${version}`),
    );
    const { exitCode, output } = await system.exec.tool(['gem', 'install', '--no-document', ...gems]);
    if (exitCode !== 0)
      throw new Problem(`gem ended with exit code ${exitCode}`, {
        where: 'packages rubygems',
        hint: lastLine(output),
        output,
      });
    return requests.map(({ name }) => name);
  },
};
