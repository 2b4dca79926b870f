import { describeAge } from '../age.ts';
import type { MetadataDocument } from '../config/decode.ts';
import { Problem } from '../errors.ts';
import type { HeatTools, HeatWish } from './heat-source.ts';
import { localMetadataPaths, MOST_METADATA_BYTES, parseDocument, publishMetadata, readLocalMetadata } from './local.ts';

export interface MetadataWish {
  /** A file that the command line names, `-` for stdin: nothing else is looked at. */
  readonly given?: string | undefined;
  readonly stack: string | undefined;
  readonly resource: string | undefined;
  readonly heat: HeatWish;
}

export interface ChainTools extends HeatTools {
  /** Reads the file that the command line names. @throws Problem */
  readonly readGiven: (operand: string, mostBytes: number) => Buffer;
}

const OF_OTHERS = 'what is there is of another instance: give it as FILE to apply it nevertheless';

/**
 * Where metadata comes from, the first that has it (contract sections 1 and 5): the given file, Heat, last_metadata_RES,
 * last_metadata, cfn-init-data. Heat is asked when stack, resource and credentials are there; where its policy forbids guests
 * to ask, that counts as not asked. A file on the guest that another instance wrote is ignored. What came from Heat or from
 * the guest is published before anybody uses it.
 * @throws Refused when Heat answered and gave none: nothing older may hide that. Problem when there is no metadata
 */
export async function findMetadata(wish: MetadataWish, tools: ChainTools): Promise<MetadataDocument> {
  const { given, stack, resource } = wish;
  if (given !== undefined)
    return parseDocument(tools.readGiven(given, MOST_METADATA_BYTES), given === '-' ? 'stdin' : given);
  if (stack === undefined || resource === undefined) {
    const isAsked = stack !== undefined || wishesForHeat(wish.heat);
    return findLocally(resource, isAsked ? 'heat-api-cfn is asked only with --stack and --resource' : undefined, tools);
  }
  const { Unasked, Unreachable } = await import('../heat/failures.ts');
  try {
    const { addressOf, findHeatAccess, fetchFromHeat } = await import('./heat-source.ts');
    const access = await findHeatAccess(wish.heat, tools);
    const { metadata } = await fetchFromHeat(access, stack, resource, tools);
    tools.log.info(`metadata of ${resource} from ${addressOf(access)}`);
    publish(metadata, resource, tools);
    return metadata;
  } catch (error) {
    if (!(error instanceof Unasked || error instanceof Unreachable)) throw error;
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
    // Only root can, and an ordinary user need not hear of it.
    if (system.self.uid === 0) log.warning(line);
    else log.info(line);
  }
}

function wishesForHeat({ url, credentialFile, accessKey, secretKey, role }: HeatWish): boolean {
  return [url, credentialFile, accessKey, secretKey, role].some((text) => text !== undefined && text !== '');
}
