import { type Report, stepLine, summaryLine } from '../apply/report.ts';
import { runSteps, TOLERATED_BY_HEAT } from '../apply/run-steps.ts';
import { takeTurn } from '../apply/run-turn.ts';
import type { SectionName } from '../config/config.ts';
import { decodeMetadata, type MetadataDocument } from '../config/decode.ts';
import { type Finding, findingLine, isError } from '../config/findings.ts';
import type { Context } from '../context.ts';
import { ExitCode, lastLine, Problem, usageProblem } from '../errors.ts';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import { findMetadata, type MetadataOptions } from '../metadata/source-chain.ts';
import { planRun } from '../sections/index.ts';
import { applyPathSetting, readSettings, type Settings, settingPlace } from '../settings.ts';
import { isStream, readGiven } from '../system/files/given-file.ts';
import { makeRootDirectory } from '../system/files/root-directory.ts';
import { Interrupted } from '../system/signals.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { chainTools, metadataOptions } from './metadata-options.ts';

/** The most errors, and the most warnings, that are shown: more would fill a console. */
const MOST_FINDINGS = 50;

/** The request, from the command line and the settings. */
interface Request {
  /** --strict: warnings about the document are errors. */
  readonly isStrict: boolean;
  readonly lookup: MetadataOptions;
  /** The document, when it comes from a pipe. */
  readonly given: Buffer | undefined;
  readonly configSets: readonly string[];
  readonly isOtherRoot: boolean;
  readonly isCompatible: boolean;
}

/**
 * cfn-init: metadata -> config -> steps -> outcomes -> report (contract section 2). For each root there is one run at a time. A
 * signal ends it cleanly.
 */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { system, log } = context;
  const { files, signals } = system;
  const isOtherRoot = textOption(args, 'root') !== undefined;
  if (isOtherRoot) {
    makeRootDirectory(files.root);
    log.warning(`applying to ${files.root}: packages, commands and services are not run there`);
  }
  await applyPathSetting(files, log);
  const settings = await readSettings(files);
  const isCompatible = await isCompatibleWithHeat(args, context, settings);
  const lookup = metadataOptions(args);
  signals.during('the read of the document');
  try {
    // Read a pipe before our turn: the process that writes it may wait for another cfn-init.
    const isPiped = lookup.given !== undefined && isStream(lookup.given);
    const given = isPiped ? await readGiven(system, lookup.given, MOST_METADATA_BYTES) : undefined;
    signals.during('the wait for another cfn-init');
    const turn = await takeTurn(system, log, settings);
    try {
      const isStrict = flagOption(args, 'strict');
      const request = { lookup, given, configSets: configSets(args), isOtherRoot, isCompatible, isStrict };
      return await applyMetadata(request, context);
    } finally {
      turn.release();
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const { message, exitCode } = error;
    throw new Problem(message, {
      where: signals.underWay(),
      hint: 'nothing was changed; run cfn-init again',
      exitCode,
    });
  } finally {
    // After a signal its echo must not end us before the failure is reported.
    if (system.abort?.aborted !== true) signals.close();
  }
}

async function applyMetadata(request: Request, context: Context): Promise<ExitCode> {
  const { system, log, verbose, redactor, progress } = context;
  const { lookup, given, isOtherRoot, isCompatible } = request;
  system.signals.during('the look-up of metadata');
  const tools = chainTools(context);
  const document = await findMetadata(lookup, given === undefined ? tools : { ...tools, readGiven: async () => given });
  redactor.addDocument(document.value, document.text);
  const tolerated: ReadonlySet<SectionName> = isCompatible ? TOLERATED_BY_HEAT : new Set();
  const { configs, findings, secrets, privateTexts, openTexts } = decodeMetadata(
    document,
    request.configSets,
    tolerated,
  );
  for (const secret of secrets) redactor.addSecret(secret);
  redactor.addPrivateTexts(privateTexts, openTexts);
  reportFindings(findings, request.isStrict, context);

  const plan = planRun(configs);
  const { steps } = plan;
  const count = `${steps.length} step${steps.length === 1 ? '' : 's'}`;
  log.trace(`applying ${count} of ${configs.map(({ name }) => name).join(', ')}`, { event: 'runBegun' });
  const report = await runSteps(plan, {
    system,
    log,
    tolerated,
    isOtherRoot,
    roleCredentials: async (role) => {
      const credentials = await (await import('../metadata/instance-role.ts')).roleCredentials(system, role);
      for (const secret of [credentials.secretKey, credentials.sessionToken ?? '']) redactor.addSecret(secret);
      return credentials;
    },
    transportTo: async (url) =>
      (await import('../metadata/heat-transport.ts')).transportTo(url, { files: system.files, log, redactor }),
    onPrivateText: (text) => redactor.addPrivateTexts([{ text, isExecutable: false }]),
    onStep: ({ section, entry }, wait) => {
      system.signals.during(`${section} ${entry.name}`);
      progress?.begin(`${section} ${entry.name}`, wait);
    },
    // A terminal with a progress line needs no line each minute.
    onLasting: (line) => {
      if (!verbose && progress === undefined) context.notice(line);
    },
    // With -v, the log prints the same to stderr.
    onResult: (result) => {
      progress?.end();
      if (!verbose && result.state !== 'unchanged') context.print(stepLine(result), result.state);
    },
  }).finally(() => progress?.end());
  await warnOfHooks(report, document, lookup.resource, context);
  const summary = summaryLine(report);
  log.info(summary, report.stoppedBy === undefined ? { event: 'runEnded', exitCode: ExitCode.done } : {});
  if (!verbose) context.print(`cfn-init: ${summary}`);
  if (report.stoppedBy === undefined) return ExitCode.done;
  const { exitCode, output } = report.stoppedBy;
  // Redact the output separately: a secret that is hidden up to the end of its line must not hide our own words as well.
  const line = report.stoppedBy.line.replace(lastLine(output ?? ''), () => lastLine(redactor.redact(output ?? '')));
  // The errors of known tools explain their output. The output of a command only its author can explain, so show more of it.
  const failed = report.results.find(({ problem }) => problem === report.stoppedBy);
  const isCommand = failed?.step.section === 'commands';
  const showsOutput = isCommand && output !== undefined && system.abort?.aborted !== true;
  if (showsOutput && !verbose) showOutput(output, context);
  const path = showsOutput ? context.logPath() : undefined;
  log.error(path === undefined ? line : `${line}: see ${path}`, { event: 'runEnded', exitCode });
  return exitCode;
}

/** Lines of a failed program that are shown. */
const LAST_LINES = 10;
/** Characters of each. */
const WIDEST = 300;

/** Shows the last lines of the output of a failed program. The error has only the last one. */
function showOutput(output: string, { redactor, notice }: Context): void {
  const lines = redactor.redact(output).trimEnd().split('\n');
  if (lines.length < 2) return;
  const shown = lines.slice(-LAST_LINES).map((line) => (line.length > WIDEST ? `${line.slice(0, WIDEST)}...` : line));
  notice([`the last ${shown.length} lines of its output:`, ...shown].join('\n    '));
}

/** Warns of broken hooks when they are written: at a later update of the stack, nobody may look at this machine. */
async function warnOfHooks(
  { results }: Report,
  { value }: MetadataDocument,
  resource: string | undefined,
  { system, log }: Context,
): Promise<void> {
  const written = results
    .filter(({ step, state }) => step.section === 'files' && state === 'changed')
    .map(({ step }) => step.entry.name);
  if (!written.some((path) => /\/(?:cfn-hup\.conf|hooks\.conf|hooks\.d\/[^/]+)$/.test(path))) return;
  const { doubtsOfWritten } = await import('../hup/doubtful-hooks.ts');
  for (const line of doubtsOfWritten(system, written, { value, resource })) log.warning(line);
}

/** Reports all problems together, before anything on the machine changes. If there are very many, it reports the first ones. */
function reportFindings(findings: readonly Finding[], isStrict: boolean, { log }: Context): void {
  const isRefused = (finding: Finding): boolean => isStrict || isError(finding);
  const errors = findings.filter(isRefused);
  const warnings = findings.filter((finding) => !isRefused(finding));
  for (const finding of warnings.slice(0, MOST_FINDINGS)) log.warning(findingLine(finding));
  if (warnings.length > MOST_FINDINGS) log.warning(`and ${warnings.length - MOST_FINDINGS} more warnings`);
  const more = errors.splice(MOST_FINDINGS).length;
  const last = errors.pop();
  if (last === undefined) return;
  for (const finding of errors) log.error(findingLine(finding));
  if (more > 0) log.error(`and ${more} more errors`);
  throw new Problem(findingLine(last));
}

function configSets({ options }: ParsedArguments): string[] {
  const given = options['configsets'];
  return (Array.isArray(given) ? (given as string[]) : [])
    .flatMap((names) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** @throws Problem for another word: a usage error where the command line has it */
async function isCompatibleWithHeat(args: ParsedArguments, { system }: Context, settings: Settings): Promise<boolean> {
  const { environment, files } = system;
  // An empty value counts as not set.
  const option = textOption(args, 'compat') || undefined;
  const variable = environment['CFN_COMPAT'] || undefined;
  const style = option ?? variable ?? settings.get('compat') ?? '';
  if (style === '' || style === 'aws') return false;
  if (style === 'heat') return true;
  const what = `unknown compatibility style ${JSON.stringify(style)}`;
  const hint = 'write heat or aws';
  if (option !== undefined) throw usageProblem(what, hint);
  const where = variable === undefined ? await settingPlace(files, 'compat') : 'CFN_COMPAT';
  throw new Problem(what, { where, hint });
}
