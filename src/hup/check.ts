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
  /** One problem a line, or a summary of the configuration. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/**
 * Checks the configuration without asking Heat or running anything: `cfn-hup --check`. It lists every problem of the main
 * file, of the hook files and of the hooks, and what only the machine can tell: users that do not exist, a missing address
 * or missing credentials. Warnings are listed too, but do not change the exit code.
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
    const sum = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, ${count} without problems`;
    return { lines: [...problems, ...warnings, sum], exitCode: ExitCode.failed };
  }
  return { lines: [...warnings, ...summaryOf(config), `${count}, no problems`], exitCode: ExitCode.done };
}

/** Why the last pass failed: then even a configuration without problems does not work. */
function answerWarnings(system: Pick<System, 'files'>, { settings, hooks, main }: InspectedConfig): readonly string[] {
  const answer = settings === undefined ? undefined : readLastAnswer(system, { settings, hooks, main });
  return answer?.line === undefined ? [] : [`at the last pass: ${answer.line}`];
}

function summaryOf({ places, settings, hooks }: InspectedConfig): readonly string[] {
  if (settings === undefined) return [];
  return [
    `${places.main}: stack ${settings.stack}, polled every ${settings.interval / 1000} s`,
    ...hooks.map(
      ({ name, file, triggers, path, runas }) =>
        `${file}: hook [${name}]: ${triggers.join(', ')} of ${path.text}, run as ${runas}`,
    ),
  ];
}

/** Includes broken hooks, so that one check finds all problems. */
async function runasProblems(
  { accounts, exec, self }: Pick<System, 'accounts' | 'exec' | 'self'>,
  { sections }: InspectedConfig,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const section of sections.values()) {
    if (section.name === 'main') continue;
    const setting = valueIn(section, 'runas');
    const runas = setting?.value ?? DEFAULT_USER;
    // This has been reported already.
    if (accountFault(runas) !== undefined) continue;
    const addProblem = (what: string, hint: string): void => {
      problems.push(remark(setting?.place ?? fileLine(section), `hook [${section.name}]: ${what}`, hint));
    };
    const user = await accounts.user(runas);
    if (user === undefined) addProblem(`there is no user ${runas}`, 'create the user, or correct runas');
    else if (user.uid !== self.uid && exec.find('setpriv') === undefined)
      addProblem(`cannot run as ${runas} without setpriv`, 'install util-linux');
    else if (user.uid !== self.uid && self.uid !== 0)
      addProblem(`only root can run it as ${runas}`, 'run cfn-hup as root');
  }
  return problems;
}

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** Credentials that exist: their kind, and what is wrong with them. */
interface FoundCredentials {
  readonly isOfKeystone: boolean;
  readonly problems: readonly string[];
  /** They are only in the environment of this call. */
  readonly isOfCaller?: boolean;
}

/**
 * Checks whether Heat can be asked, which needs an address and usable credentials. Only a role is looked up over the network:
 * at the metadata service, with a time limit.
 * @param main the section [main]
 */
async function checkHeatAccess(
  system: Pick<System, 'files' | 'self' | 'environment' | 'http' | 'clock'>,
  main: ConfigSection,
): Promise<Remarks> {
  const remarks: Remarks = { problems: [], warnings: [] };
  const role = await checkRole(system, main);
  const found = role === 'available' ? undefined : await findCredentials(system, main);
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
    if (role !== 'available') remarks.problems.push(role);
  } else {
    const isAws = host?.endsWith('.amazonaws.com') === true || host?.endsWith('.amazonaws.com.cn') === true;
    const hint = isAws ? 'give role= (the role of this instance) or credential-file=' : 'give credential-file=';
    remarks.problems.push(remark(fileLine(main), 'no credentials for heat-api-cfn', hint));
  }
  return remarks;
}

/** @returns 'available' when the instance has the role; what is wrong when it does not; undefined when no role is set */
async function checkRole(system: Pick<System, 'http' | 'clock'>, main: ConfigSection): Promise<string | undefined> {
  const role = valueIn(main, 'role');
  if (role === undefined || role.value === '') return undefined;
  try {
    await roleCredentials(system, role.value, undefined, BY_HUP_CONFIG.insteadOfRole);
    return 'available';
  } catch (error) {
    return remark(role.place, lineOf(error));
  }
}

/** Finds credentials other than those of a role. */
async function findCredentials(
  system: Pick<System, 'files' | 'self' | 'environment'>,
  main: ConfigSection,
): Promise<FoundCredentials | undefined> {
  const file = valueIn(main, 'credential-file');
  if (file !== undefined && file.value !== '') return checkCredentialFile(system, file);
  const ofUnit = await checkUnitEnvironment(system);
  const ofCaller = await checkVariables(system.environment, undefined);
  return ofCaller === undefined ? ofUnit : { ...ofCaller, isOfCaller: ofUnit === undefined };
}

/** A url= that is right for access keys is wrong for keystone, whose catalog has the address. */
function doubtsAboutUrl(main: ConfigSection): readonly string[] {
  const url = valueIn(main, 'url');
  if (url === undefined || !/:8000\b|cfn/i.test(url.value)) return [];
  return [
    remark(
      url.place,
      "url= looks like heat-api-cfn; with keystone credentials it must be the address of heat's own API",
      'leave it out',
    ),
  ];
}

/** @returns the host of the API; undefined when it is not set, or its problem has been reported already */
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
    // An invalid url= has been reported already.
    if (error.exitCode !== ExitCode.usage) problems.push(error.line);
    return undefined;
  }
}

async function checkCredentialFile(
  { files, self }: Pick<System, 'files' | 'self'>,
  { value: path, place }: ReadSetting,
): Promise<FoundCredentials> {
  const unusable = (problems: readonly string[]): FoundCredentials => ({ isOfKeystone: false, problems });
  // A relative path has been reported already.
  if (!path.startsWith('/')) return unusable([]);
  try {
    const content = files.readIfPresent(path, MOST_METADATA_BYTES);
    if (content === undefined)
      return unusable([remark(place, `there is no file ${path}`, 'create it, or correct credential-file')]);
    const text = content.toString('utf8');
    const entry = files.entry(path);
    const exposure = entry === undefined ? undefined : exposureOfEntry(entry, path, files, self.uid);
    const exposed = exposure === undefined ? [] : [exposureProblem(path, exposure).line];
    const { isOfKeystone, problems } = await decodeFile(text, path);
    return { isOfKeystone, problems: [...problems, ...exposed] };
  } catch (error) {
    return unusable([lineOf(error)]);
  }
}

async function decodeFile(text: string, path: string): Promise<FoundCredentials> {
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
async function checkVariables(variables: Variables, where: string | undefined): Promise<FoundCredentials | undefined> {
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
 * Reads the unit's environment file. Where an ordinary user may not read it, an access key is assumed to be in it.
 * Source: systemd.exec(5), EnvironmentFile=.
 */
async function checkUnitEnvironment({ files }: Pick<System, 'files'>): Promise<FoundCredentials | undefined> {
  try {
    const text = files.readIfPresent(paths.unitEnvironment, MOST_METADATA_BYTES)?.toString('utf8') ?? '';
    const settings = [...text.matchAll(/^[ \t]*(\w+)=[ \t]*(["']?)(.*)\2[ \t\r]*$/gm)].map(([, name, , value]) => [
      name,
      value,
    ]);
    return checkVariables(Object.fromEntries(settings) as Variables, paths.unitEnvironment);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { isOfKeystone: false, problems: [] };
  }
}

/** @throws any error that is not a Problem */
function lineOf(error: unknown): string {
  if (!(error instanceof Problem)) throw error;
  return describeError(error);
}
