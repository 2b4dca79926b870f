import { paths } from '../../../paths.ts';
import { percentDecode } from '../../../percent-encoding.ts';
import { carriesSecrets } from '../../../secrets/names.ts';
import type { Environment } from '../../../system/programs/exec.ts';
import { replaceUserInfo } from '../../../url.ts';
import type { World } from '../../step.ts';

const REQUIREMENTS = 'requirements.txt';

/** What pip is told, and where. Everybody can read the arguments of a process. */
export interface PipRequirements {
  /** Options, and after `--` the requirements that everybody may see. */
  readonly args: readonly string[];
  readonly env: Environment;
}

/**
 * Hands requirements to `use` so that no secret of theirs is among the arguments of pip, or of the git that it runs: those with
 * a password, a token or a signature come in a file that only we can read, which is removed afterwards. The login of a
 * `git+https` URL becomes a header in git's configuration, which it takes from its environment, since pip passes the URL to git as
 * an argument.
 */
export async function withRequirements<T>(
  requirements: readonly string[],
  world: World,
  use: (handed: PipRequirements) => Promise<T>,
): Promise<T> {
  const { files, self, environment } = world.system;
  const logins: string[] = [];
  const plain = requirements.map((requirement) => withoutGitLogin(requirement, logins));
  const secret = plain.filter(carriesSecrets);
  const open = plain.filter((requirement) => !carriesSecrets(requirement));
  const env = gitEnvironment(logins, environment);
  if (secret.length === 0) return use({ args: ['--', ...open], env });
  const directory = self.uid === 0 ? paths.packageDownloads : temporaryDirectory(environment);
  // What a run that was killed left there is removed by the next.
  const scratch = files.openScratch(directory, 'pip', 'cannot write');
  try {
    const file = scratch.stage(REQUIREMENTS);
    try {
      file.write(Buffer.from(`${secret.map(requirementLine).join('\n')}\n`));
      file.commit({ mode: 0o600, ...self });
    } finally {
      file.discard();
    }
    return await use({ args: ['-r', scratch.pathForPrograms(REQUIREMENTS), '--', ...open], env });
  } finally {
    scratch.remove();
  }
}

function temporaryDirectory({ TMPDIR }: Environment): string {
  return TMPDIR?.startsWith('/') === true ? TMPDIR : '/tmp';
}

/** `name @ URL ; marker`, of which all but the URL may be missing. */
const REQUIREMENT = /^((?:[A-Za-z0-9._[\],-]+\s*@\s*)?)(.*?)((?:\s+;.*)?)$/s;

/** A line of a requirements file: blanks would end the URL, and `${NAME}` would be looked up in the environment. */
function requirementLine(requirement: string): string {
  const [, name = '', url = '', marker = ''] = REQUIREMENT.exec(requirement) ?? [];
  const encoded = url
    .toWellFormed()
    .replaceAll('${', '%24{')
    .replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
  return `${name}${encoded}${marker}`.replace(/[\r\n]/g, ' ');
}

/** @param logins gets git's settings for what was taken out */
function withoutGitLogin(requirement: string, logins: string[]): string {
  // ssh takes no password from a URL, and git gets the URL as an argument.
  if (/^[^:]*git\+ssh:\/\//i.test(requirement))
    return replaceUserInfo(requirement, (userInfo) => `${userInfo.split(':', 1)[0]}@`);
  const [, prefix, address] = /^((?:[A-Za-z0-9._[\],-]+\s*@\s*)?git\+)(https?:\/\/.*)$/is.exec(requirement) ?? [];
  if (prefix === undefined || address === undefined) return requirement;
  let login: string | undefined;
  const bare = replaceUserInfo(`git+${address}`, (userInfo) => {
    login ??= userInfo;
    return '';
  }).slice('git+'.length);
  const [, server] = /^(https?:\/\/[\w.:[\]-]+)(?:\/|$)/i.exec(bare) ?? [];
  if (login === undefined || server === undefined) return requirement;
  const [user = '', password = ''] = login.split(/:(.*)/s).map(percentDecode);
  const header = `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  logins.push(`'http.${server}/.extraHeader=${header}'`);
  return `${prefix}${bare}`;
}

/** What `git -c` makes of its arguments; older than GIT_CONFIG_COUNT, and understood by every git since. */
function gitEnvironment(logins: readonly string[], environment: Environment): Environment {
  if (logins.length === 0) return {};
  const before = environment['GIT_CONFIG_PARAMETERS'];
  const all = [...(before === undefined || before === '' ? [] : [before]), ...new Set(logins)];
  return { GIT_CONFIG_PARAMETERS: all.join(' ') };
}
