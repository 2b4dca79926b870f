import { ExitCode, Problem } from '../errors.ts';
import { accountFault } from '../names.ts';
import type { System } from '../system/system.ts';
import { checkHeatAccess } from './check-heat.ts';
import { type InspectedConfig, inspectHupConfig } from './config-files.ts';
import { fileLine, remark, valueIn } from './config-sections.ts';
import { doubtsOf } from './doubtful-hooks.ts';
import { DEFAULT_USER } from './hooks.ts';
import { readLastAnswer } from './last-answer.ts';

export interface CheckResult {
  /** For people: what is wrong, one line each, or what is configured. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/**
 * Looks the configuration over without asking Heat or running anything: `cfn-hup --check`. Every problem is listed,
 * those of the main file, of hook files and hooks, and what only the machine can tell: users that are not there, an address
 * or credentials that are missing. Warnings are listed too, and do not count.
 * @returns exit code 1 when there was a problem
 */
export async function checkConfig(
  system: Pick<System, 'files' | 'self' | 'accounts' | 'exec' | 'environment' | 'http' | 'clock' | 'absolutePath'>,
  option: string | undefined,
): Promise<CheckResult> {
  let config: InspectedConfig;
  try {
    config = inspectHupConfig(system, option);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { lines: [error.line], exitCode: ExitCode.failed };
  }
  const main = config.sections.get('main');
  const heat = main === undefined ? { problems: [], warnings: [] } : await checkHeatAccess(system, main);
  const doubts = doubtsOf(system, config);
  const problems = [
    ...config.mainProblems,
    ...heat.problems,
    ...config.problems,
    ...doubts.problems,
    ...(await runasProblems(system, config)),
  ];
  const warnings = [...config.warnings, ...heat.warnings, ...doubts.warnings, ...answerWarnings(system, config)].map(
    (warning) => `warning: ${warning}`,
  );
  const count = `${config.hooks.length} ${config.hooks.length === 1 ? 'hook' : 'hooks'}`;
  if (problems.length > 0) {
    const sum = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, ${count} in order`;
    return { lines: [...problems, ...warnings, sum], exitCode: ExitCode.failed };
  }
  return { lines: [...warnings, ...summaryOf(config), `${count}, no problems`], exitCode: ExitCode.done };
}

/** What the last pass failed at: even a configuration without problems does not work then. */
function answerWarnings(system: Pick<System, 'files'>, { settings, hooks, main }: InspectedConfig): readonly string[] {
  const answer = settings === undefined ? undefined : readLastAnswer(system, { settings, hooks, main });
  return answer?.line === undefined ? [] : [`at the last pass: ${answer.line}`];
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
      problems.push(remark(setting?.place ?? fileLine(section), `hook [${section.name}]: ${what}`, hint));
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
