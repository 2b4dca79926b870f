import { describeError, Problem } from '../errors.ts';
import { CREDENTIAL_LINES, decodeKeystoneFile, exposureProblem, parseCredentialFile } from '../heat/credentials.ts';
import { BY_HUP_CONFIG } from '../heat/named-by.ts';
import { noAddress, readEndpoint } from '../metadata/heat-source.ts';
import { roleCredentials } from '../metadata/instance-role.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { exposureOfEntry } from '../system/trusted-path.ts';
import { splitUrl } from '../url.ts';
import { type ConfigSection, placeOf, type ReadSetting, type Remarks, remark, valueIn } from './config-sections.ts';

const MOST_BYTES = 1024 * 1024;
const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
/** Each set of variables for keystone has it. */
const KEYSTONE = ['OS_AUTH_URL'];

/**
 * Finds out whether Heat can be asked: it takes an address, and credentials that can be used. Only a role is looked up by
 * the network, at the metadata service, with a bound.
 * @param main the section [main]
 */
export async function checkHeatAccess(
  system: Pick<System, 'files' | 'self' | 'environment' | 'http' | 'clock'>,
  main: ConfigSection,
): Promise<Remarks> {
  const remarks: Remarks = { problems: [], warnings: [] };
  const file = valueIn(main, 'credential-file');
  const isFile = file !== undefined && file.value !== '';
  const found = isFile ? await lookAtFile(system, file) : undefined;
  const isOfKeystone = found?.isOfKeystone ?? (!hasIn(system, KEYS) && hasIn(system, KEYSTONE));
  // Keystone knows the address itself.
  const host = isOfKeystone ? undefined : checkAddress(system, main, remarks);
  const role = valueIn(main, 'role');
  if (found !== undefined) remarks.problems.push(...found.problems);
  else if (hasKeys(system.environment, KEYS) || hasKeys(system.environment, KEYSTONE)) {
    if (!unitHasKeys(system, KEYS) && !unitHasKeys(system, KEYSTONE))
      remarks.warnings.push(
        remark(
          isOfKeystone ? 'OS_AUTH_URL' : 'AWS_ACCESS_KEY_ID',
          'the credentials come from the environment of this call, which cfn-hup.service does not have',
          `put them into ${paths.unitEnvironment}, or give ${BY_HUP_CONFIG.credentials}`,
        ),
      );
  } else if (unitHasKeys(system, KEYS) || unitHasKeys(system, KEYSTONE)) return remarks;
  else if (role !== undefined && role.value !== '') {
    try {
      await roleCredentials(system, role.value, undefined, BY_HUP_CONFIG.insteadOfRole);
    } catch (error) {
      remarks.problems.push(remark(role.place, lineOf(error)));
    }
  } else {
    const isAws = host?.endsWith('.amazonaws.com') === true || host?.endsWith('.amazonaws.com.cn') === true;
    const hint = isAws ? 'give role=, the role of this instance, or credential-file=' : 'give credential-file=';
    remarks.problems.push(remark(placeOf(main), 'no credentials for heat-api-cfn', hint));
  }
  return remarks;
}

/** @returns the host of the API; undefined when nothing names it, or what does has been complained about already */
function checkAddress(
  { files }: Pick<System, 'files'>,
  main: ConfigSection,
  { problems, warnings }: Remarks,
): string | undefined {
  try {
    const url = valueIn(main, 'url')?.value;
    const wish = { url, region: valueIn(main, 'region')?.value, namedBy: BY_HUP_CONFIG };
    const { endpoint, warnings: oddities } = readEndpoint(wish, files);
    warnings.push(...oddities);
    if (endpoint === undefined) problems.push(noAddress(BY_HUP_CONFIG, wish.region).line);
    return endpoint === undefined ? undefined : splitUrl(endpoint.url).host;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // A url= that is none is a problem of its own.
    if (error.exitCode !== 2) problems.push(error.line);
    return undefined;
  }
}

/** What is wrong with a credential file, and whether it is for keystone. */
interface FoundFile {
  readonly problems: readonly string[];
  readonly isOfKeystone: boolean;
}

async function lookAtFile(
  { files, self }: Pick<System, 'files' | 'self'>,
  { value: path, place }: ReadSetting,
): Promise<FoundFile> {
  const isOfKeystone = false;
  // A relative one has been complained about already.
  if (!path.startsWith('/')) return { problems: [], isOfKeystone };
  try {
    const content = files.readIfPresent(path, MOST_BYTES);
    if (content === undefined)
      return {
        problems: [remark(place, `there is no file ${path}`, 'make it, or correct credential-file')],
        isOfKeystone,
      };
    const text = content.toString('utf8');
    const entry = files.entry(path);
    const exposure = entry === undefined ? undefined : exposureOfEntry(entry, path, files, self.uid);
    const exposed = exposure === undefined ? [] : [exposureProblem(path, exposure).line];
    const ofKeystone = await decodeKeystoneFile(text, path).catch((error: unknown) => lineOf(error));
    if (ofKeystone === undefined) return { problems: [...missingLines(text, path), ...exposed], isOfKeystone };
    return { problems: typeof ofKeystone === 'string' ? [ofKeystone, ...exposed] : exposed, isOfKeystone: true };
  } catch (error) {
    return { problems: [lineOf(error)], isOfKeystone };
  }
}

function missingLines(text: string, path: string): readonly string[] {
  if (text.trim() === '') return [remark(path, 'the credential file is empty', CREDENTIAL_LINES)];
  const { accessKey, secretKey } = parseCredentialFile(text);
  return [
    ...(accessKey === undefined ? [remark(path, 'no AWSAccessKeyId= in the credential file', 'add the line')] : []),
    ...(secretKey === undefined ? [remark(path, 'no AWSSecretKey= in the credential file', 'add the line')] : []),
  ];
}

/** In the environment of this call, or of the unit. */
function hasIn(system: Pick<System, 'files' | 'environment'>, names: readonly string[]): boolean {
  return hasKeys(system.environment, names) || unitHasKeys(system, names);
}

function hasKeys(environment: System['environment'], names: readonly string[]): boolean {
  return names.every((name) => (environment[name] ?? '') !== '');
}

/**
 * Whether the unit's environment file has them; where an ordinary user may not see it, it is taken to have them. Source:
 * systemd.exec(5), EnvironmentFile=.
 */
function unitHasKeys({ files }: Pick<System, 'files'>, names: readonly string[]): boolean {
  try {
    const text = files.readIfPresent(paths.unitEnvironment, MOST_BYTES)?.toString('utf8') ?? '';
    return names.every((name) => new RegExp(`^\\s*${name}=\\s*["']?[^\\s"']`, 'm').test(text));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return true;
  }
}

/** @throws what is no Problem */
function lineOf(error: unknown): string {
  if (!(error instanceof Problem)) throw error;
  return describeError(error);
}
