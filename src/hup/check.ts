import { describeError, ExitCode, Problem } from '../errors.ts';
import { exposureProblem, parseCredentialFile } from '../heat/credentials.ts';
import { accountFault } from '../names.ts';
import type { System } from '../system/system.ts';
import { exposureOfEntry } from '../system/trusted-path.ts';
import { type InspectedConfig, inspectHupConfig } from './config-files.ts';
import { type ConfigSection, placeOf, type ReadSetting, readLine, remark } from './config-sections.ts';
import { doubtsOf } from './doubtful-hooks.ts';
import { readForbidden } from './forbidden.ts';
import { DEFAULT_USER } from './hooks.ts';

const MOST_BYTES = 1024 * 1024;

export interface CheckResult {
  /** For people: what is wrong, one line each, or what is configured. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/**
 * Looks the configuration over without asking Heat or running anything: `cfn-hup --check`. Every problem is listed,
 * those of the main file, of hook files and hooks, and what only the machine can tell: users that are not there, a
 * credential file that cannot be used. Warnings are listed too, and do not count.
 * @returns exit code 1 when there was a problem
 */
export async function checkConfig(
  system: Pick<System, 'files' | 'self' | 'accounts' | 'exec'>,
  option: string | undefined,
): Promise<CheckResult> {
  let config: InspectedConfig;
  try {
    config = inspectHupConfig(system, option);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { lines: [error.line], exitCode: ExitCode.failed };
  }
  const doubts = doubtsOf(system, config);
  const problems = [
    ...config.mainProblems,
    ...credentialProblems(system, config),
    ...config.problems,
    ...doubts.problems,
    ...(await runasProblems(system, config)),
  ];
  const warnings = [...config.warnings, ...doubts.warnings, ...forbiddenWarnings(system, config)].map(
    (warning) => `warning: ${warning}`,
  );
  const count = `${config.hooks.length} ${config.hooks.length === 1 ? 'hook' : 'hooks'}`;
  if (problems.length > 0) {
    const sum = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, ${count} in order`;
    return { lines: [...problems, ...warnings, sum], exitCode: ExitCode.failed };
  }
  return { lines: [...warnings, ...summaryOf(config), `${count}, no problems`], exitCode: ExitCode.done };
}

/** What the last pass was told: a configuration without problems does not work either then. */
function forbiddenWarnings(system: Pick<System, 'files'>, { settings }: InspectedConfig): readonly string[] {
  const forbidden = settings === undefined ? undefined : readForbidden(system, settings.stack);
  return forbidden === undefined ? [] : [`at the last pass: ${forbidden.line}`];
}

function summaryOf({ places, settings, hooks }: InspectedConfig): readonly string[] {
  if (settings === undefined) return [];
  return [
    `${places.main}: the stack ${settings.stack}, looked at every ${settings.interval / 1000} s`,
    ...hooks.map(
      ({ name, file, triggers, path, runas }) =>
        `${file}: hook [${name}]: ${triggers.join(', ')} of ${path.text}, run by ${runas}`,
    ),
  ];
}

function credentialProblems(
  { files, self }: Pick<System, 'files' | 'self'>,
  { sections }: InspectedConfig,
): readonly string[] {
  const setting = valueIn(sections.get('main'), 'credential-file');
  const path = setting?.value ?? '';
  // A relative one has been complained about already.
  if (setting === undefined || !path.startsWith('/')) return [];
  try {
    const content = files.readIfPresent(path, MOST_BYTES);
    if (content === undefined)
      return [remark(setting.place, `there is no file ${path}`, 'make it, or correct credential-file')];
    const { accessKey, secretKey } = parseCredentialFile(content.toString('utf8'));
    const entry = files.entry(path);
    const exposure = entry === undefined ? undefined : exposureOfEntry(entry, path, files, self.uid);
    return [
      ...(accessKey === undefined ? [remark(path, 'no AWSAccessKeyId= in the credential file', 'add the line')] : []),
      ...(secretKey === undefined ? [remark(path, 'no AWSSecretKey= in the credential file', 'add the line')] : []),
      ...(exposure === undefined ? [] : [exposureProblem(path, exposure).line]),
    ];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [describeError(error)];
  }
}

/** Of broken hooks, too: there should be no second round. */
async function runasProblems(
  { accounts, exec, self }: Pick<System, 'accounts' | 'exec' | 'self'>,
  { sections }: InspectedConfig,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const section of sections.values()) {
    if (section.name === 'main') continue;
    const setting = valueIn(section, 'runas');
    const runas = setting?.value ?? DEFAULT_USER;
    // Complained about already.
    if (accountFault(runas) !== undefined) continue;
    const complain = (what: string, hint: string): void => {
      problems.push(remark(setting?.place ?? placeOf(section), `hook [${section.name}]: ${what}`, hint));
    };
    const user = await accounts.user(runas);
    if (user === undefined) complain(`there is no user ${runas}`, 'make the user, or correct runas');
    else if (user.uid !== self.uid && exec.find('setpriv') === undefined)
      complain(`cannot run as ${runas} without setpriv`, 'install util-linux');
    else if (user.uid !== self.uid && self.uid !== 0)
      complain(`only root can run it as ${runas}`, 'run cfn-hup as root');
  }
  return problems;
}

/** A value that could not be read has been complained about already. */
function valueIn(section: ConfigSection | undefined, key: string): ReadSetting | undefined {
  return section === undefined ? undefined : readLine(section, key, { problems: [] });
}
