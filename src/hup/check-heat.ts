import { describeError, Problem } from '../errors.ts';
import { CREDENTIAL_LINES, exposureProblem, parseCredentialFile } from '../heat/credentials.ts';
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
  const host = checkAddress(system, main, remarks);
  const file = valueIn(main, 'credential-file');
  const role = valueIn(main, 'role');
  if (file !== undefined && file.value !== '') remarks.problems.push(...fileProblems(system, file));
  else if (hasKeys(system.environment)) {
    if (!unitHasKeys(system))
      remarks.warnings.push(
        remark(
          'AWS_ACCESS_KEY_ID',
          'the credentials come from the environment of this call, which cfn-hup.service does not have',
          `put them into ${paths.unitEnvironment}, or give ${BY_HUP_CONFIG.credentials}`,
        ),
      );
  } else if (unitHasKeys(system)) return remarks;
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

function fileProblems(
  { files, self }: Pick<System, 'files' | 'self'>,
  { value: path, place }: ReadSetting,
): readonly string[] {
  // A relative one has been complained about already.
  if (!path.startsWith('/')) return [];
  try {
    const content = files.readIfPresent(path, MOST_BYTES);
    if (content === undefined)
      return [remark(place, `there is no file ${path}`, 'make it, or correct credential-file')];
    const text = content.toString('utf8');
    const { accessKey, secretKey } = parseCredentialFile(text);
    const entry = files.entry(path);
    const exposure = entry === undefined ? undefined : exposureOfEntry(entry, path, files, self.uid);
    const isEmpty = text.trim() === '';
    return [
      ...(isEmpty ? [remark(path, 'the credential file is empty', CREDENTIAL_LINES)] : []),
      ...(isEmpty || accessKey !== undefined
        ? []
        : [remark(path, 'no AWSAccessKeyId= in the credential file', 'add the line')]),
      ...(isEmpty || secretKey !== undefined
        ? []
        : [remark(path, 'no AWSSecretKey= in the credential file', 'add the line')]),
      ...(exposure === undefined ? [] : [exposureProblem(path, exposure).line]),
    ];
  } catch (error) {
    return [lineOf(error)];
  }
}

function hasKeys(environment: System['environment']): boolean {
  return KEYS.every((name) => (environment[name] ?? '') !== '');
}

/** Whether the unit's environment file has them, which an ordinary user need not see. Source: systemd.exec(5), EnvironmentFile=. */
function unitHasKeys({ files }: Pick<System, 'files'>): boolean {
  try {
    const text = files.readIfPresent(paths.unitEnvironment, MOST_BYTES)?.toString('utf8') ?? '';
    return KEYS.every((name) => new RegExp(`^\\s*${name}=\\s*["']?[^\\s"']`, 'm').test(text));
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
