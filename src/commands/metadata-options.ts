import type { Context } from '../context.ts';
import { usageProblem } from '../errors.ts';
import { BY_OPTIONS } from '../heat/named-by.ts';
import type { HeatOptions } from '../metadata/heat-source.ts';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import type { ChainTools, MetadataOptions } from '../metadata/source-chain.ts';
import { resourceNameFault } from '../resource-name.ts';
import { readGiven, readGivenSecret } from '../system/files/given-file.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/** A credential file may be cfn-init-data, which contains all metadata. */
export const MOST_CREDENTIAL_BYTES = MOST_METADATA_BYTES;

/** The options for the source of the metadata, of cfn-init and cfn-get-metadata. @throws Problem with exit code 2 */
export function metadataOptions(args: ParsedArguments): MetadataOptions {
  const [given] = args.operands;
  if (given !== undefined) return { given, stack: undefined, resource: undefined, heat: heatOptions(args) };
  return { stack: stackOption(args), resource: resourceOption(args), heat: heatOptions(args) };
}

/** The options for Heat: the address and the credentials. */
export function heatOptions(args: ParsedArguments): HeatOptions {
  return {
    url: textOption(args, 'url'),
    region: textOption(args, 'region'),
    credentialFile: textOption(args, 'credentialFile'),
    accessKey: textOption(args, 'accessKey'),
    secretKey: textOption(args, 'secretKey'),
    role: textOption(args, 'role'),
    isStrict: flagOption(args, 'strict'),
    namedBy: BY_OPTIONS,
  };
}

/** The parts of a command's context that the look-up of metadata needs. */
export function chainTools({ system, log, redactor }: Context): ChainTools {
  return {
    system,
    log,
    redactor,
    readGiven: (operand, mostBytes) => readGiven(system, operand, mostBytes),
    readSecretFile: (path) => readGivenSecret(system, path, MOST_CREDENTIAL_BYTES),
  };
}

/** The value of -s; an empty one counts as not given. */
function stackOption(args: ParsedArguments): string | undefined {
  const stack = textOption(args, 'stack');
  return stack === '' ? undefined : stack;
}

/** The value of -r. @throws Problem with exit code 2 */
function resourceOption(args: ParsedArguments): string | undefined {
  const resource = textOption(args, 'resource');
  const fault = resource === undefined ? undefined : resourceNameFault(resource);
  if (fault !== undefined) throw usageProblem(`not the name of a resource: ${JSON.stringify(resource)}`, fault);
  return resource;
}
