import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import { deliver } from '../heat/delivery.ts';
import { type Budget, beginBudget, tooLate } from '../heat/retries.ts';
import { decodeSignalUrl } from '../heat/signal-url.ts';
import { type SignalOptions, type SignalTarget, signalOf, statusOf } from '../heat/wait-condition.ts';
import { readRunNotes } from '../hup/notes.ts';
import { paths } from '../paths.ts';
import { readGivenSecret } from '../system/files/given-file.ts';
import type { System } from '../system/system.ts';
import { isWebUrl } from '../url.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { handleOf } from './signal-operand.ts';

/** Options that may have taken the URL as their value, because their own value was an empty variable without quotes. */
const OPTIONS_WITH_VALUE = {
  exitCode: '-e',
  exit: '--exit',
  reason: '-r',
  data: '-d',
  id: '-i',
  success: '-s',
  stack: '--stack',
  resource: '--resource',
  // Quoted, since the redactor takes the text after a bare `--token` for a secret.
  token: "'--token'",
  timeout: '--timeout',
  region: '--region',
  role: '--role',
  credentialFile: '-f',
  accessKey: '--access-key',
  secretKey: "'--secret-key'",
} as const;
/** Milliseconds after the deadline until the process ends, whatever it is waiting for. */
const GRACE = 1000;
/** Source: API reference of CloudFormation, SignalResource. */
const LONGEST_AWS_ID = 64;

/** The current phase, for the message when the time is over. */
interface Phase {
  name: string;
}

/** cfn-signal: sends success or failure to a wait condition, or to a resource of CloudFormation (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { redactor, system } = context;
  // A URL with a typing error is a credential as well. A plain word is not, and may occur in our messages.
  const texts = [...args.operands, ...Object.keys(OPTIONS_WITH_VALUE).map((name) => textOption(args, name) ?? '')];
  texts.push(textOption(args, 'url') ?? '');
  for (const text of texts)
    if (/[?&%=]/.test(text) && (args.operands.includes(text) || decodeSignalUrl(text) !== undefined))
      redactor.addSignedUrl(text);
  const seconds = timeoutOption(args);
  const budget = beginBudget(seconds, system.clock, boundsOf(args, context));
  const phase: Phase = { name: 'the command line' };
  const sent = signal(args, budget, phase, context);
  if (seconds === undefined) return sent;
  // At the deadline, abort everything that does not watch it itself.
  return Promise.race([sent, giveUpAfter(budget, phase, context)]);
}

async function signal(args: ParsedArguments, budget: Budget, phase: Phase, context: Context): Promise<ExitCode> {
  const { log } = context;
  const options: SignalOptions = {
    success: textOption(args, 'success'),
    exitCode: textOption(args, 'exitCode') ?? textOption(args, 'exit'),
    reason: textOption(args, 'reason'),
    data: textOption(args, 'data'),
  };
  if (textOption(args, 'exit') !== undefined) log.warning('--exit is deprecated: use -e or --exit-code');
  phase.name = 'the credentials';
  const target = await targetOf(args, budget, context);
  const { status, warning } = statusOf(options);
  if (warning !== undefined) log.warning(warning);
  const reason =
    options.reason ?? (status === 'FAILURE' ? await reasonOfLastRun(options.exitCode, context) : undefined);
  // Do this last, since it may use the network: errors of the command line must appear at once.
  phase.name = 'the id of the instance';
  const id = idOption(args, target, context) ?? (await instanceIdWithin(budget, context));
  const whole = signalOf({ ...options, reason }, status, id);
  const sent = { ...whole, Reason: fittingReason(whole.Reason, target, context) };

  phase.name = `${target.server} to accept the signal`;
  await deliver(sent, target, { insecure: flagOption(args, 'insecure'), budget }, context);
  const about = { event: 'signalSent', state: status, exitCode: ExitCode.done } as const;
  log.info(`signalled ${status} as ${id} to ${target.server}`, about);
  return ExitCode.done;
}

async function giveUpAfter({ seconds, deadline }: Budget, phase: Phase, { system }: Context): Promise<never> {
  const { clock, signals } = system;
  await clock.sleep(deadline - clock.elapsed() + GRACE);
  const late = tooLate('the signal was not accepted', new Problem(`still waiting for ${phase.name}`), seconds);
  signals.abortRun(late);
  throw late;
}

/** The attempts and pauses in cfn-boto-cfg. It is read once, and only when something has failed. */
function boundsOf(args: ParsedArguments, { system, log }: Context): Budget['bounds'] {
  let bounds: ReturnType<Budget['bounds']> | undefined;
  const read = async (): ReturnType<Budget['bounds']> => {
    const { readAttemptBounds } = await import('../metadata/heat-source.ts');
    // Without a URL the whole file has been read already, and its oddities were logged.
    return readAttemptBounds(system.files, args.operands.length === 0 ? undefined : log);
  };
  return () => {
    bounds ??= read();
    return bounds;
  };
}

/** The reason for -e without -r: the error of the last cfn-init, if it ran just before and ended with this code. */
async function reasonOfLastRun(exitCode: string | undefined, { system }: Context): Promise<string | undefined> {
  if (exitCode === undefined) return undefined;
  const line = lastRunError(system, Number(exitCode));
  return line === undefined ? undefined : `cfn-init: ${line}`;
}

/** The value of -i; an empty one counts as not given. @throws Problem with exit code 2 */
function idOption(args: ParsedArguments, { longestId }: SignalTarget, { log }: Context): string | undefined {
  const id = textOption(args, 'id');
  if (id === undefined) return undefined;
  if (id.trim() === '') {
    log.warning('the id is empty: using the id of this instance');
    return undefined;
  }
  if (longestId !== undefined && id.length > longestId)
    throw usageProblem(`the id has ${id.length} characters`, `CloudFormation accepts ${longestId} at most`);
  return id;
}

async function instanceIdWithin({ deadline }: Budget, { system, log }: Context): Promise<string> {
  const { instanceId } = await import('../metadata/instance-id.ts');
  // Use at most half of the time: the signal is more important than the id in it.
  return instanceId(system, log, (deadline - system.clock.elapsed()) / 2);
}

/** The reason, cut to the length that the target accepts. */
function fittingReason(reason: string, { mostReasonBytes }: SignalTarget, { log }: Context): string {
  if (mostReasonBytes === undefined || Buffer.byteLength(reason) <= mostReasonBytes) return reason;
  log.warning(`the reason is cut to ${mostReasonBytes} bytes, the most that CloudFormation accepts`);
  const end = ' [cut]';
  const begin = Buffer.from(reason)
    .subarray(0, mostReasonBytes - end.length)
    .toString('utf8');
  // A character that was cut in the middle has become a replacement character.
  return begin.replace(/\uFFFD$/, '') + end;
}

/** The target of the signal. A URL takes precedence over --stack and --resource. */
async function targetOf(args: ParsedArguments, budget: Budget, context: Context): Promise<SignalTarget> {
  const [operand] = args.operands;
  const token = textOption(args, 'token');
  if (operand === undefined) return namedResource(args, token, budget, context);
  const timeout = Math.max(1, budget.deadline - context.system.clock.elapsed());
  return handleOf(operand, { token, insecure: flagOption(args, 'insecure'), timeout }, context);
}

/** The resource of --stack and --resource. @throws Problem when something is missing that its API needs */
async function namedResource(
  args: ParsedArguments,
  token: string | undefined,
  budget: Budget,
  context: Context,
): Promise<SignalTarget> {
  const [stack = '', resource = ''] = [textOption(args, 'stack')?.trim(), textOption(args, 'resource')?.trim()];
  const isNamed = [stack, resource].every((name) => name !== '' && !isUrlOperand(name));
  const misplaced = isNamed ? undefined : misplacedUrl(args);
  if (misplaced !== undefined) throw misplaced;
  if (token !== undefined || (stack === '' && resource === '')) throw noTarget(args);
  if (stack === '' || resource === '')
    throw usageProblem(
      stack === '' ? '--resource without --stack' : '--stack without --resource',
      'give both, or the URL of a wait condition handle',
    );
  for (const [flag, name] of Object.entries({ stack, resource }))
    if (/[${}<>]/.test(name))
      throw usageProblem(
        `--${flag} is ${JSON.stringify(name)}: it contains a variable that was not replaced`,
        'check the template and the quotes: the shell replaces no variables in single quotes',
      );
  const access = await accessTo(args, budget, context);
  const { signalledResource } = await import('../heat/signal-resource.ts');
  const { signedCall } = await import('../heat/signed-call.ts');
  const { endpoint, credentials, signature, transport } = access;
  const target = signalledResource(endpoint.url, { stack, resource }, (parameters) => ({
    ...signedCall(endpoint, credentials, parameters, context.system.clock.now(), signature),
    ...transport,
  }));
  return { ...target, longestId: LONGEST_AWS_ID };
}

/** The error when an option has the URL of the handle as its value by mistake. */
function misplacedUrl(args: ParsedArguments): Problem | undefined {
  for (const [name, flag] of Object.entries(OPTIONS_WITH_VALUE)) {
    const value = textOption(args, name);
    if (value === undefined || !isUrlOperand(value)) continue;
    return usageProblem(
      `option ${flag} has no value: the URL after it was taken as its value`,
      flag === '-e' || flag === '--exit'
        ? `the exit code was empty; put quotes around it: ${flag} "$?"`
        : 'an empty variable? put quotes around it',
    );
  }
  if (textOption(args, 'url') === undefined || textOption(args, 'stack') !== undefined) return undefined;
  return usageProblem(
    'no URL to signal: --url is the base URL of an API',
    'give the URL of the wait condition handle without an option',
  );
}

/** The error of a call without a target, with a hint if its options look like those of another command. */
function noTarget(args: ParsedArguments): Problem {
  const success = textOption(args, 'success');
  if (success !== undefined && !/^\s*(?:true|false)?\s*$/i.test(success))
    return usageProblem(
      'no URL to signal, and -s is not true or false',
      'in cfn-signal, -s is --success and -r is --reason; write --stack and --resource in full',
    );
  return usageProblem(
    'no URL to signal',
    'give the URL of the wait condition handle, or --stack and --resource (CloudFormation)',
  );
}

function isUrlOperand(text: string): boolean {
  const url = decodeSignalUrl(text);
  return url !== undefined && isWebUrl(url);
}

/** The access to the API. A metadata service that does not answer yet is asked again until the time is over. */
async function accessTo(args: ParsedArguments, budget: Budget, context: Context) {
  const { system, log } = context;
  const { findHeatAccess } = await import('../metadata/heat-source.ts');
  const { chainTools, heatOptions, MOST_CREDENTIAL_BYTES } = await import('./metadata-options.ts');
  const left = (): number => Math.max(1, budget.deadline - system.clock.elapsed());
  const tools = {
    ...chainTools(context),
    readSecretFile: (path: string) => readGivenSecret(system, path, MOST_CREDENTIAL_BYTES, left()),
    roleCredentials: async (role: string) =>
      (await import('../metadata/instance-role.ts')).retriedRoleCredentials(system, log, role, budget),
  };
  const { FOR_SIGNALS } = await import('../heat/named-by.ts');
  const access = await findHeatAccess({ ...heatOptions(args), namedBy: FOR_SIGNALS }, tools);
  if (access.kind === 'query') return access;
  throw new Problem('--stack and --resource need an access key, and these are keystone credentials', {
    hint: "give the JSON of the handle's attribute signal instead",
  });
}

function timeoutOption(args: ParsedArguments): number | undefined {
  const text = textOption(args, 'timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (args.operands.length === 0 && isUrlOperand(text)) throw misplacedUrl(args) ?? noTarget(args);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw usageProblem(`not a number of seconds: ${JSON.stringify(text)}`, 'give --timeout a positive number');
  return seconds;
}

/**
 * Milliseconds after which the error of a cfn-init is no longer used. A script may do something else between cfn-init and
 * cfn-signal.
 */
const LONGEST_AGE = 10 * 60_000;

/**
 * The error of the last cfn-init of this boot (lastRunSink in logging/sinks.ts).
 * @param exitCode the exit code that it must have had
 * @returns undefined when it succeeded, had another exit code, ended long ago, or when we may not read its error
 */
function lastRunError({ files, clock }: Pick<System, 'files' | 'clock'>, exitCode: number): string | undefined {
  const { line, elapsed, bootId, ...note } = readRunNotes({ files }, paths.lastRun);
  if (note['exitCode'] !== exitCode || typeof line !== 'string' || line === '' || typeof elapsed !== 'number')
    return undefined;
  const ago = clock.elapsed() - elapsed;
  const isOfThisBoot = bootId === files.readIfPresent(paths.bootId)?.toString('utf8').trim();
  return isOfThisBoot && ago >= 0 && ago <= LONGEST_AGE ? line : undefined;
}
