import type { PackageRequest } from '../../../config/config.ts';
import { lastLine, Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';
import { isPackageFile, type PackageManager } from '../manager.ts';

const QUIET = ['--disable-pip-version-check', '--no-input'];

/** Python packages by pip. */
export const python: PackageManager = {
  name: 'python',

  async missing(requests, world) {
    const { stdout } = await world.system.exec.tool([...pip(world), 'list', '--format=freeze', ...QUIET]);
    const installed = new Map(
      stdout
        .split('\n')
        .map((line) => line.split('=='))
        .map(([name = '', version = '']) => [canonical(name), version]),
    );
    return requests.filter(({ name, versions }) => {
      const present = installed.get(canonical(name));
      return present === undefined || (versions.length > 0 && !versions.includes(present));
    });
  },

  async install(requests, world) {
    const { exitCode, output } = await world.system.exec.tool([
      ...pip(world),
      'install',
      ...QUIET,
      ...requests.map(specificationOf),
    ]);
    if (exitCode !== 0)
      throw new Problem(`pip ended with exit code ${exitCode}`, {
        where: 'packages python',
        hint: lastLine(output),
        output,
      });
    return requests.map(({ name }) => name);
  },
};

/** The system's own pip first: what is installed must not depend on whose shell, with whose virtual environment, called us. */
function pip({ system }: World): readonly [string, ...string[]] {
  const program = ['/usr/bin/pip3', '/usr/bin/pip', 'pip3', 'pip'].find(
    (candidate) => system.exec.find(candidate) !== undefined,
  );
  if (program !== undefined) return [program];
  return ['python3', '-m', 'pip'];
}

/** Upper and lower case and `-`, `_`, `.` are alike in names (PEP 503). */
function canonical(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[-_.]+/g, '-');
}

function specificationOf({ name, versions }: PackageRequest): string {
  const [version] = versions;
  if (version === undefined) return name;
  return isPackageFile(version) ? version : `${name}==${version}`;
}
