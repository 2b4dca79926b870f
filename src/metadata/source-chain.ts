import type { MetadataDocument } from '../config/decode.ts';
import { codeOf, Problem, type ProblemCode } from '../errors.ts';
import { describeAge } from '../time.ts';
import type { HeatOptions, HeatTools } from './heat-source.ts';
import { localMetadataPaths, MOST_METADATA_BYTES, parseDocument, publishMetadata, readLocalMetadata } from './local.ts';

export interface MetadataOptions {
  /** The file from the command line, `-` for stdin. If set, no other source is used. */
  readonly given?: string | undefined;
  readonly stack: string | undefined;
  readonly resource: string | undefined;
  readonly heat: HeatOptions;
}

export interface ChainTools extends HeatTools {
  /** Reads the file that the command line names. @throws Problem */
  readonly readGiven: (operand: string, mostBytes: number) => Promise<Buffer>;
}

/** Failures in which Heat has said nothing about this guest, so its earlier answers are used. */
const FALLBACK_CODES: ReadonlySet<ProblemCode | undefined> = new Set<ProblemCode>([
  'CFN_HEAT_NOT_ASKED',
  'CFN_HEAT_FORBIDS_GUESTS',
  'CFN_HEAT_UNREACHABLE',
]);

const OTHER_INSTANCE_HINT = 'the local metadata belongs to another instance: name it as FILE to apply it anyway';

/**
 * Gets the metadata from the first source that has it (contract sections 1 and 5): the file from the command line, Heat,
 * last_metadata_RES, last_metadata, cfn-init-data. Heat is asked when stack, resource and credentials are set. If its policy forbids
 * guests to ask, it counts as not asked. A file on the guest that another instance wrote is ignored. Metadata from Heat or from the
 * guest is published before it is used.
 * @throws Problem when there is no metadata, or when Heat answered without metadata, which older metadata must not hide
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
    if (!(error instanceof Problem) || !FALLBACK_CODES.has(codeOf(error))) throw error;
    return findLocally(resource, error.line, tools);
  }
}

/** @param instead why Heat's metadata is not used, if the caller could expect it */
function findLocally(resource: string | undefined, instead: string | undefined, tools: ChainTools): MetadataDocument {
  const { system, log } = tools;
  const { found, broken, foreign } = readLocalMetadata(system.files, resource, system.clock.now());
  for (const line of broken) log.warning(`${line}: ignored`);
  for (const line of foreign)
    log.warning(`${line}: ignored, since this machine may be made from an image of a running guest`);
  if (found === undefined) {
    throw new Problem('no metadata', {
      where: localMetadataPaths(resource).join(', '),
      hint: instead ?? (foreign.length > 0 ? OTHER_INSTANCE_HINT : 'name a FILE, or check that cloud-init has run'),
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
    // Only root can publish it, so it is not a warning for an ordinary user.
    if (system.self.uid === 0) log.warning(line);
    else log.info(line);
  }
}

function asksForHeat({ url, credentialFile, accessKey, secretKey, role }: HeatOptions): boolean {
  return [url, credentialFile, accessKey, secretKey, role].some((text) => text !== undefined && text !== '');
}
