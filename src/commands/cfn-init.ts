import { stepLine, summaryLine } from '../apply/report.ts';
import { runSteps, TOLERATED_BY_HEAT } from '../apply/run-steps.ts';
import { decodeMetadata, type MetadataDocument } from '../config/decode.ts';
import { type Finding, findingLine, isError } from '../config/findings.ts';
import { type Context, readGiven } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import {
  localMetadataPaths,
  MOST_METADATA_BYTES,
  parseDocument,
  publishMetadata,
  readLocalMetadata,
} from '../metadata/local.ts';
import { planSteps } from '../sections/index.ts';
import { readSettings } from '../settings.ts';
import { type ParsedArguments, textOption } from './command.ts';

/** cfn-init: metadata -> config -> steps -> outcomes -> report (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { system, log, verbose, redactor } = context;
  const isOtherRoot = textOption(args, 'root') !== undefined;
  if (isOtherRoot) log.warning(`applying to ${system.files.root}: packages, commands and services are not run there`);
  const isCompatible = await isCompatibleWithHeat(args, context);
  const document = findMetadata(args, context);
  const { configs, findings, secrets, privateTexts } = decodeMetadata(document, configSets(args));
  for (const secret of secrets) redactor.addSecret(secret);
  for (const text of privateTexts) redactor.addPrivateText(text);
  reportFindings(findings, context);

  const report = await runSteps(planSteps(configs), {
    system,
    log,
    tolerated: isCompatible ? TOLERATED_BY_HEAT : new Set(),
    isOtherRoot,
    // With -v the log says the same on stderr.
    onResult: (result) => {
      if (!verbose && result.state !== 'unchanged') context.print(stepLine(result));
    },
  });
  const summary = summaryLine(report);
  log.info(summary);
  if (!verbose) context.print(`cfn-init: ${summary}`);
  if (report.stoppedBy === undefined) return ExitCode.done;
  log.error(report.stoppedBy.line);
  return report.stoppedBy.exitCode;
}

function findMetadata(args: ParsedArguments, { system, log }: Context): MetadataDocument {
  const [given] = args.operands;
  if (given !== undefined) return parseDocument(readGiven(given, MOST_METADATA_BYTES), given === '-' ? 'stdin' : given);

  const resource = resourceOption(args);
  const { found, broken } = readLocalMetadata(system.files, resource);
  for (const line of broken) log.warning(`${line}: passed over`);
  if (found === undefined) {
    throw new Problem('no metadata', {
      where: localMetadataPaths(resource).join(', '),
      hint: 'give a FILE, or check that cloud-init has run',
    });
  }
  const age = `written ${describeAge(system.clock.now().getTime() - found.written.getTime())} ago`;
  if (textOption(args, 'stack') !== undefined) log.warning(`${unfetchedBecause(args)}: using ${found.path}, ${age}`);
  else log.info(`metadata from ${found.path}, ${age}`);
  try {
    publishMetadata(system.files, found.document.text, resource, system.self);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.warning(`the metadata is not published to other agents: ${error.line}`);
  }
  return found.document;
}

function unfetchedBecause(args: ParsedArguments): string {
  const asksHeat = ['accessKey', 'credentialFile', 'role', 'url'].some((name) => textOption(args, name) !== undefined);
  return asksHeat ? 'this version does not ask heat-api-cfn yet' : 'no credentials for heat-api-cfn';
}

/** All problems are said at once, before anything on the machine changes. */
function reportFindings(findings: readonly Finding[], { log }: Context): void {
  for (const finding of findings) if (!isError(finding)) log.warning(findingLine(finding));
  const errors = findings.filter(isError);
  const last = errors.pop();
  if (last === undefined) return;
  for (const finding of errors) log.error(findingLine(finding));
  throw new Problem(findingLine(last));
}

function configSets({ options }: ParsedArguments): string[] {
  const given = options['configsets'];
  return (Array.isArray(given) ? (given as string[]) : [])
    .flatMap((names) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

async function isCompatibleWithHeat(args: ParsedArguments, { system }: Context): Promise<boolean> {
  const style =
    textOption(args, 'compat') ??
    system.environment['CFN_COMPAT'] ??
    (await readSettings(system.files)).get('compat') ??
    '';
  if (style === '' || style === 'aws') return false;
  if (style !== 'heat') throw usageProblem(`no compatibility style ${JSON.stringify(style)}`, 'there is: heat');
  return true;
}

function resourceOption(args: ParsedArguments): string | undefined {
  const resource = textOption(args, 'resource');
  if (resource !== undefined && !/^[A-Za-z0-9_.-]{1,255}$/.test(resource))
    throw usageProblem(`not a logical id: ${resource}`, 'letters, digits, "_", "." and "-"');
  return resource;
}

function describeAge(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 2) return `${Math.max(0, Math.round(milliseconds / 1000))} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 1440)} days`;
}
