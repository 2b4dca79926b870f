import type { MetadataDocument } from '../config/decode.ts';
import { codeOf, Problem, type ProblemCode } from '../errors.ts';
import { describeAge } from '../time.ts';
import type { HeatOptions, HeatTools } from './heat-source.ts';
import { localMetadataPaths, MOST_METADATA_BYTES, parseDocument, publishMetadata, readLocalMetadata } from './local.ts';

export interface MetadataOptions {
  /** A file that the command line names, `-` for stdin: nothing else is looked at. */
  readonly given?: string | undefined;
  readonly stack: string | undefined;
  readonly resource: string | undefined;
  readonly heat: HeatOptions;
}

export interface ChainTools extends HeatTools {
  /** Reads the file that the command line names. @throws Problem */
  readonly readGiven: (operand: string, mostBytes: number) => Promise<Buffer>;
}

/** Heat has said nothing about this guest, so what it has said earlier is used. */
const OLDER_WILL_DO: ReadonlySet<ProblemCode | undefined> = new Set<ProblemCode>([
  'CFN_HEAT_NOT_ASKED',
  'CFN_HEAT_FORBIDS_GUESTS',
  'CFN_HEAT_UNREACHABLE',
]);

const OF_OTHERS = 'what is there is of another instance: give it as FILE to apply it nevertheless';

/**
 * Where metadata comes from, the first that has it (contract sections 1 and 5): the given file, Heat, last_metadata_RES,
 * last_metadata, cfn-init-data. Heat is asked when stack, resource and credentials are there; where its policy forbids guests
 * to ask, that counts as not asked. A file on the guest that another instance wrote is ignored. What came from Heat or from
 * the guest is published before anybody uses it.
 * @throws Problem when there is no metadata, and when Heat answered and gave none: nothing older may hide that
 */
export async function findMetadata(options: MetadataOptions, tools: ChainTools): Promise<MetadataDocument> {
  const { given, stack, resource } = options;
  if (given !== undefined)
    return parseDocument(await tools.readGiven(given, MOST_METADATA_BYTES), given === '-' ? 'stdin' : given);
  if (stack === undefined || resource === undefined) {
    const isAsked = stack !== undefined || asksForHeat(options.heat);
    return findLocally(resource, isAsked ? 'heat-api-cfn is asked only with --stack and --resource' : undefined, tools);
  }
  try {
    const { addressOf, findHeatAccess, fetchFromHeat } = await import('./heat-source.ts');
    const access = await findHeatAccess(options.heat, tools);
    const { metadata } = await fetchFromHeat(access, stack, resource, tools);
    tools.log.info(`metadata of ${resource} from ${addressOf(access)}`);
    publish(metadata, resource, tools);
    return metadata;
  } catch (error) {
    if (!(error instanceof Problem) || !OLDER_WILL_DO.has(codeOf(error))) throw error;
    return findLocally(resource, error.line, tools);
  }
}

/** @param instead why Heat's is not used, when the caller had reason to expect it */
function findLocally(resource: string | undefined, instead: string | undefined, tools: ChainTools): MetadataDocument {
  const { system, log } = tools;
  const { found, broken, foreign } = readLocalMetadata(system.files, resource, system.clock.now());
  for (const line of broken) log.warning(`${line}: ignored`);
  for (const line of foreign)
    log.warning(`${line}: ignored, since this machine may be made from an image of a running guest`);
  if (found === undefined) {
    throw new Problem('no metadata', {
      where: localMetadataPaths(resource).join(', '),
      hint: instead ?? (foreign.length > 0 ? OF_OTHERS : 'give a FILE, or check that cloud-init has run'),
    });
  }
  const age = `written ${describeAge(system.clock.now().getTime() - found.written.getTime())} ago`;
  if (instead !== undefined) log.warning(`${instead}: using ${found.path}, ${age}`);
  else log.info(`metadata from ${found.path}, ${age}`);
  publish(found.document, resource, tools);
  return found.document;
}

function publish({ text }: MetadataDocument, resource: string | undefined, { system, log }: ChainTools): void {
  try {
    publishMetadata(system.files, text, resource, system.self);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const line = `the metadata is not published to other agents: ${error.line}`;
    // Only root can, so it is no warning for an ordinary user.
    if (system.self.uid === 0) log.warning(line);
    else log.info(line);
  }
}

function asksForHeat({ url, credentialFile, accessKey, secretKey, role }: HeatOptions): boolean {
  return [url, credentialFile, accessKey, secretKey, role].some((text) => text !== undefined && text !== '');
}
