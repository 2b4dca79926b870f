import { describeError, ExitCode, Problem } from '../errors.ts';
import { decodeAccessKey, decodeKeystoneFile, exposureProblem } from '../heat/credentials.ts';
import type { Variables } from '../heat/keystone-credentials.ts';
import { BY_HUP_CONFIG } from '../heat/named-by.ts';
import { noAddress, readEndpoint } from '../metadata/heat-source.ts';
import { roleCredentials } from '../metadata/instance-role.ts';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import { accountFault } from '../names.ts';
import { paths } from '../paths.ts';
import { exposureOfEntry } from '../system/files/trusted-path.ts';
import type { System } from '../system/system.ts';
import { splitUrl } from '../url.ts';
import { type InspectedConfig, inspectHupConfig } from './config-files.ts';
import { type ConfigSection, fileLine, type ReadSetting, type Remarks, remark, valueIn } from './config-sections.ts';
import { doubtsOf } from './doubtful-hooks.ts';
import { DEFAULT_USER } from './hooks.ts';
import { readLastAnswer } from './notes.ts';

interface CheckResult {
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

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** Credentials that are there: whose they are, and what is wrong with them. */
interface Found {
  readonly isOfKeystone: boolean;
  readonly problems: readonly string[];
  /** They are in the environment of this call and nowhere else. */
  readonly isOfCaller?: boolean;
}

/**
 * Finds out whether Heat can be asked: it takes an address, and credentials that can be used. Only a role is looked up by
 * the network, at the metadata service, with a bound.
 * @param main the section [main]
 */
async function checkHeatAccess(
  system: Pick<System, 'files' | 'self' | 'environment' | 'http' | 'clock'>,
  main: ConfigSection,
): Promise<Remarks> {
  const remarks: Remarks = { problems: [], warnings: [] };
  const role = await lookAtRole(system, main);
  const found = role === 'there' ? undefined : await lookForKeys(system, main);
  const host = found?.isOfKeystone === true ? undefined : checkAddress(system, main, remarks);
  if (found?.isOfKeystone === true) remarks.warnings.push(...doubtsAboutUrl(main));
  if (found !== undefined) {
    remarks.problems.push(...found.problems);
    if (found.isOfCaller === true)
      remarks.warnings.push(
        remark(
          found.isOfKeystone ? 'OS_AUTH_URL' : 'AWS_ACCESS_KEY_ID',
          'the credentials come from the environment of this call, which cfn-hup.service does not have',
          `put them into ${paths.unitEnvironment}, or give ${BY_HUP_CONFIG.credentials}`,
        ),
      );
  } else if (role !== undefined) {
    if (role !== 'there') remarks.problems.push(role);
  } else {
    const isAws = host?.endsWith('.amazonaws.com') === true || host?.endsWith('.amazonaws.com.cn') === true;
    const hint = isAws ? 'give role=, the role of this instance, or credential-file=' : 'give credential-file=';
    remarks.problems.push(remark(fileLine(main), 'no credentials for heat-api-cfn', hint));
  }
  return remarks;
}

/** @returns 'there' for a role that the instance has, what is wrong with another one, undefined when none is named */
async function lookAtRole(system: Pick<System, 'http' | 'clock'>, main: ConfigSection): Promise<string | undefined> {
  const role = valueIn(main, 'role');
  if (role === undefined || role.value === '') return undefined;
  try {
    await roleCredentials(system, role.value, undefined, BY_HUP_CONFIG.insteadOfRole);
    return 'there';
  } catch (error) {
    return remark(role.place, lineOf(error));
  }
}

/** Credentials that need no role. */
async function lookForKeys(
  system: Pick<System, 'files' | 'self' | 'environment'>,
  main: ConfigSection,
): Promise<Found | undefined> {
  const file = valueIn(main, 'credential-file');
  if (file !== undefined && file.value !== '') return lookAtFile(system, file);
  const ofUnit = await lookAtUnit(system);
  const ofCaller = await lookAtVariables(system.environment, undefined);
  return ofCaller === undefined ? ofUnit : { ...ofCaller, isOfCaller: ofUnit === undefined };
}

/** A url= that was right for access keys is not for keystone, which knows the address itself. */
function doubtsAboutUrl(main: ConfigSection): readonly string[] {
  const url = valueIn(main, 'url');
  if (url === undefined || !/:8000\b|cfn/i.test(url.value)) return [];
  return [
    remark(url.place, "url= looks like heat-api-cfn; with keystone credentials it is heat's own API", 'leave it out'),
  ];
}

/** @returns the host of the API; undefined when nothing names it, or what does has been complained about already */
function checkAddress(
  { files }: Pick<System, 'files'>,
  main: ConfigSection,
  { problems, warnings }: Remarks,
): string | undefined {
  try {
    const url = valueIn(main, 'url')?.value;
    const options = { url, region: valueIn(main, 'region')?.value, namedBy: BY_HUP_CONFIG };
    const { endpoint, warnings: found, attemptWarnings } = readEndpoint(options, files);
    warnings.push(...found, ...attemptWarnings);
    if (endpoint === undefined) problems.push(noAddress(BY_HUP_CONFIG, options.region).line);
    return endpoint === undefined ? undefined : splitUrl(endpoint.url).host;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // A url= that is none is a problem of its own.
    if (error.exitCode !== ExitCode.usage) problems.push(error.line);
    return undefined;
  }
}

async function lookAtFile(
  { files, self }: Pick<System, 'files' | 'self'>,
  { value: path, place }: ReadSetting,
): Promise<Found> {
  const nobodys = (problems: readonly string[]): Found => ({ isOfKeystone: false, problems });
  // A relative one has been complained about already.
  if (!path.startsWith('/')) return nobodys([]);
  try {
    const content = files.readIfPresent(path, MOST_METADATA_BYTES);
    if (content === undefined)
      return nobodys([remark(place, `there is no file ${path}`, 'make it, or correct credential-file')]);
    const text = content.toString('utf8');
    const entry = files.entry(path);
    const exposure = entry === undefined ? undefined : exposureOfEntry(entry, path, files, self.uid);
    const exposed = exposure === undefined ? [] : [exposureProblem(path, exposure).line];
    const { isOfKeystone, problems } = await decodeFile(text, path);
    return { isOfKeystone, problems: [...problems, ...exposed] };
  } catch (error) {
    return nobodys([lineOf(error)]);
  }
}

async function decodeFile(text: string, path: string): Promise<Found> {
  let isOfKeystone = true;
  try {
    isOfKeystone = (await decodeKeystoneFile(text, path)) !== undefined;
    if (!isOfKeystone) decodeAccessKey(text, path);
    return { isOfKeystone, problems: [] };
  } catch (error) {
    return { isOfKeystone, problems: [lineOf(error)] };
  }
}

/** @returns undefined for variables without credentials */
async function lookAtVariables(variables: Variables, where: string | undefined): Promise<Found | undefined> {
  const isSet = (name: string): boolean => (variables[name] ?? '') !== '';
  if (KEYS.every(isSet)) return { isOfKeystone: false, problems: [] };
  if (!isSet('OS_AUTH_URL')) return undefined;
  const { decodeVariables } = await import('../heat/keystone-credentials.ts');
  try {
    decodeVariables(variables, { place: 'in the environment', where });
    return { isOfKeystone: true, problems: [] };
  } catch (error) {
    return { isOfKeystone: true, problems: [lineOf(error)] };
  }
}

/**
 * The unit's environment file; where an ordinary user may not see it, it is taken to have an access key. Source:
 * systemd.exec(5), EnvironmentFile=.
 */
async function lookAtUnit({ files }: Pick<System, 'files'>): Promise<Found | undefined> {
  try {
    const text = files.readIfPresent(paths.unitEnvironment, MOST_METADATA_BYTES)?.toString('utf8') ?? '';
    const settings = [...text.matchAll(/^[ \t]*(\w+)=[ \t]*(["']?)(.*)\2[ \t\r]*$/gm)].map(([, name, , value]) => [
      name,
      value,
    ]);
    return lookAtVariables(Object.fromEntries(settings) as Variables, paths.unitEnvironment);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { isOfKeystone: false, problems: [] };
  }
}

/** @throws what is no Problem */
function lineOf(error: unknown): string {
  if (!(error instanceof Problem)) throw error;
  return describeError(error);
}
