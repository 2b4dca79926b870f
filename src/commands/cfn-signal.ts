import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import { readGivenSecret } from '../given-file.ts';
import { deliver } from '../heat/delivery.ts';
import { type Budget, beginBudget, tooLate } from '../heat/retries.ts';
import { decodeSignalUrl } from '../heat/signal-url.ts';
import { type SignalOptions, type SignalTarget, signalOf, statusOf } from '../heat/wait-condition.ts';
import { readRunNotes } from '../hup/notes.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { isWebUrl } from '../url.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { handleOf } from './signal-operand.ts';

/** Options that may have taken the URL for their value, when their own value was an empty variable without quotes. */
const TAKERS = {
  exitCode: '-e',
  exit: '--exit',
  reason: '-r',
  data: '-d',
  id: '-i',
  success: '-s',
  stack: '--stack',
  resource: '--resource',
  // In quotes, since what follows `--token` otherwise counts as a secret.
  token: "'--token'",
  timeout: '--timeout',
  region: '--region',
  role: '--role',
  credentialFile: '-f',
  accessKey: '--access-key',
  secretKey: "'--secret-key'",
} as const;
/** Milliseconds after the deadline at which the process ends, whatever it still waits for. */
const GRACE = 1000;
/** Source: API reference of CloudFormation, SignalResource. */
const LONGEST_AWS_ID = 64;

/** What is being waited for, for the message when the time is over. */
interface Phase {
  name: string;
}

/** cfn-signal: tells a wait condition, or a resource of CloudFormation, how it went (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { redactor, system } = context;
  // A URL with a slip in it is a credential as well; a word is not, and may stand in what we say.
  const texts = [...args.operands, ...Object.keys(TAKERS).map((name) => textOption(args, name) ?? '')];
  texts.push(textOption(args, 'url') ?? '');
  for (const text of texts)
    if (/[?&%=]/.test(text) && (args.operands.includes(text) || decodeSignalUrl(text) !== undefined))
      redactor.addSignedUrl(text);
  const seconds = timeoutOption(args);
  const budget = beginBudget(seconds, system.clock, boundsOf(args, context));
  const phase: Phase = { name: 'the command line' };
  const sent = signal(args, budget, phase, context);
  if (seconds === undefined) return sent;
  // What does not watch the deadline itself is aborted.
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
  // Last, since it may ask the network: what is wrong with the command line is said at once.
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

/** What cfn-boto-cfg says of attempts and pauses, read once and only when something has failed. */
function boundsOf(args: ParsedArguments, { system, log }: Context): Budget['bounds'] {
  let bounds: ReturnType<Budget['bounds']> | undefined;
  const read = async (): ReturnType<Budget['bounds']> => {
    const { readAttemptBounds } = await import('../metadata/heat-source.ts');
    // Without a URL the whole file has been read already, and what is odd in it was said.
    return readAttemptBounds(system.files, args.operands.length === 0 ? undefined : log);
  };
  return () => {
    bounds ??= read();
    return bounds;
  };
}

/** -e without -r: the error of the cfn-init that ran just before and ended with this code. */
async function reasonOfLastRun(exitCode: string | undefined, { system }: Context): Promise<string | undefined> {
  if (exitCode === undefined) return undefined;
  const line = lastRunError(system, Number(exitCode));
  return line === undefined ? undefined : `cfn-init: ${line}`;
}

/** -i; an empty one counts as not given. @throws Problem with exit code 2 */
function idOption(args: ParsedArguments, { longestId }: SignalTarget, { log }: Context): string | undefined {
  const id = textOption(args, 'id');
  if (id === undefined) return undefined;
  if (id.trim() === '') {
    log.warning('the id is empty: using the id of this instance');
    return undefined;
  }
  if (longestId !== undefined && id.length > longestId)
    throw usageProblem(`the id has ${id.length} characters`, `CloudFormation takes ${longestId} at most`);
  return id;
}

async function instanceIdWithin({ deadline }: Budget, { system, log }: Context): Promise<string> {
  const { instanceId } = await import('../metadata/instance-id.ts');
  // Half of the time at most: the other half is for the signal, which counts more than the name it goes by.
  return instanceId(system, log, (deadline - system.clock.elapsed()) / 2);
}

/** A reason as long as the target takes it. */
function fittingReason(reason: string, { mostReasonBytes }: SignalTarget, { log }: Context): string {
  if (mostReasonBytes === undefined || Buffer.byteLength(reason) <= mostReasonBytes) return reason;
  log.warning(`the reason is cut to ${mostReasonBytes} bytes, which is what CloudFormation takes`);
  const end = ' [cut]';
  const begin = Buffer.from(reason)
    .subarray(0, mostReasonBytes - end.length)
    .toString('utf8');
  // Half a character at the end becomes a replacement character.
  return begin.replace(/\uFFFD$/, '') + end;
}

/** Where the command line sends the signal. A URL wins over --stack and --resource. */
async function targetOf(args: ParsedArguments, budget: Budget, context: Context): Promise<SignalTarget> {
  const [operand] = args.operands;
  const token = textOption(args, 'token');
  if (operand === undefined) return namedResource(args, token, budget, context);
  const left = Math.max(1, budget.deadline - context.system.clock.elapsed());
  return handleOf(operand, { token, insecure: flagOption(args, 'insecure'), left }, context);
}

/** The resource that --stack and --resource name. @throws Problem unless there is all that it takes to reach its API */
async function namedResource(
  args: ParsedArguments,
  token: string | undefined,
  budget: Budget,
  context: Context,
): Promise<SignalTarget> {
  const [stack = '', resource = ''] = [textOption(args, 'stack')?.trim(), textOption(args, 'resource')?.trim()];
  const isNamed = [stack, resource].every((name) => name !== '' && !isUrlOperand(name));
  const taken = isNamed ? undefined : takenUrl(args);
  if (taken !== undefined) throw taken;
  if (token !== undefined || (stack === '' && resource === '')) throw noTarget(args);
  if (stack === '' || resource === '')
    throw usageProblem(
      stack === '' ? '--resource without --stack' : '--stack without --resource',
      'give both, or the URL of a wait condition handle',
    );
  for (const [flag, name] of Object.entries({ stack, resource }))
    if (/[${}<>]/.test(name))
      throw usageProblem(
        `--${flag} is ${JSON.stringify(name)}: it has a variable that was not replaced by its value`,
        'check the template and the quotes: nothing is replaced within single ones',
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

/** An option that has the URL of the handle for its value, as a mistake. */
function takenUrl(args: ParsedArguments): Problem | undefined {
  for (const [name, flag] of Object.entries(TAKERS)) {
    const value = textOption(args, name);
    if (value === undefined || !isUrlOperand(value)) continue;
    return usageProblem(
      `option ${flag} has no value of its own: the URL behind it was taken for it`,
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

/** The error of a call that names nothing to signal, with a hint at what its options may have been meant for. */
function noTarget(args: ParsedArguments): Problem {
  const success = textOption(args, 'success');
  if (success !== undefined && !/^\s*(?:true|false)?\s*$/i.test(success))
    return usageProblem(
      'no URL to signal, and -s is not true or false',
      'for cfn-signal -s is --success and -r is --reason; write --stack and --resource in full',
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

/** How the API is reached. A metadata service that does not answer yet is asked again as long as the budget lasts. */
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
  throw new Problem("--stack and --resource are signalled with an access key, and these credentials are keystone's", {
    hint: "give the JSON of the handle's attribute signal instead",
  });
}

function timeoutOption(args: ParsedArguments): number | undefined {
  const text = textOption(args, 'timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (args.operands.length === 0 && isUrlOperand(text)) throw takenUrl(args) ?? noTarget(args);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw usageProblem(`not a number of seconds: ${JSON.stringify(text)}`, 'give --timeout a positive number');
  return seconds;
}

/**
 * Milliseconds after which a cfn-init no longer counts as the one that ran just before: a script may do something else in
 * between.
 */
const LONGEST_AGO = 10 * 60_000;

/**
 * The error by which the last cfn-init of this boot ended (lastRunSink in logging/sinks.ts).
 * @param exitCode the code that it has to have ended with
 * @returns undefined when it succeeded, ended with another code or long ago, or when we may not read it
 */
function lastRunError({ files, clock }: Pick<System, 'files' | 'clock'>, exitCode: number): string | undefined {
  const { line, elapsed, bootId, ...note } = readRunNotes({ files }, paths.lastRun);
  if (note['exitCode'] !== exitCode || typeof line !== 'string' || line === '' || typeof elapsed !== 'number')
    return undefined;
  const ago = clock.elapsed() - elapsed;
  const isOfThisBoot = bootId === files.readIfPresent(paths.bootId)?.toString('utf8').trim();
  return isOfThisBoot && ago >= 0 && ago <= LONGEST_AGO ? line : undefined;
}
