import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import {
  decodeSignalUrl,
  judge,
  type Signal,
  type SignalTarget,
  type SignalWish,
  signalOf,
  signedHandle,
} from '../heat/wait-condition.ts';
import { isWorthRetrying, retryDelay } from '../retry.ts';
import type { HttpResponse } from '../system/http.ts';
import { NoAnswer } from '../system/http-problem.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/** Attempts before a server that is down is given up: about 15 seconds of waiting on average, 31 at most. */
const ATTEMPTS = 6;
/** Milliseconds for one exchange. */
const EXCHANGE_TIMEOUT = 30_000;

/** cfn-signal: tells a wait condition, or a resource of CloudFormation, how it went (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { log, redactor } = context;
  // A URL with a slip in it is a credential as well; a word is not, and may stand in what we say.
  for (const operand of args.operands) if (/[?&%=]/.test(operand)) redactor.addSignedUrl(operand);
  const token = textOption(args, 'token');
  const limit = limitOf(timeoutOption(args), context);

  const wish: SignalWish = {
    success: textOption(args, 'success'),
    exitCode: textOption(args, 'exitCode') ?? textOption(args, 'exit'),
    reason: textOption(args, 'reason'),
    data: textOption(args, 'data'),
  };
  if (textOption(args, 'exit') !== undefined) log.warning('--exit is deprecated: use -e or --exit-code');
  const target = await targetOf(args, token, context);
  const { status, warning } = judge(wish);
  if (warning !== undefined) log.warning(warning);
  // Last, since it may ask the network: what is wrong with the command line is said at once.
  const signal = signalOf(wish, status, textOption(args, 'id') ?? (await instanceIdWithin(limit, context)));

  await deliver(signal, target, { insecure: flagOption(args, 'insecure'), limit }, context);
  const about = { event: 'signalSent', state: signal.Status, exitCode: ExitCode.done } as const;
  log.info(`signalled ${signal.Status} as ${signal.UniqueId} to ${target.server}`, about);
  return ExitCode.done;
}

/** The time that --timeout leaves to everything; without one there is no end. */
interface Limit {
  readonly seconds: number | undefined;
  /** On the clock of elapsed(). */
  readonly deadline: number;
}

function limitOf(seconds: number | undefined, { system: { clock } }: Context): Limit {
  return {
    seconds,
    deadline: seconds === undefined ? Number.POSITIVE_INFINITY : clock.elapsed() + seconds * 1000,
  };
}

async function instanceIdWithin({ deadline }: Limit, { system, log }: Context): Promise<string> {
  const { instanceId } = await import('../metadata/instance-id.ts');
  // Half of the time at most: the other half is for the signal, which counts more than the name it goes by.
  return instanceId(system, log, (deadline - system.clock.elapsed()) / 2);
}

/** Where the command line sends the signal. A URL wins over --stack and --resource. */
async function targetOf(args: ParsedArguments, token: string | undefined, context: Context): Promise<SignalTarget> {
  const [operand] = args.operands;
  if (operand === undefined) return namedResource(args, token, context);
  const url = decodeSignalUrl(operand);
  if (url === undefined)
    throw usageProblem(
      'not the URL of a wait condition handle',
      'it begins with http:// or https://; check its quoting',
    );
  context.redactor.addSignedUrl(url);
  if (token === undefined) return signedHandle(url);
  return (await import('../heat/native-handle.ts')).tokenHandle(url, token);
}

/** The resource that --stack and --resource name. @throws Problem unless there is all that it takes to reach its API */
async function namedResource(
  args: ParsedArguments,
  token: string | undefined,
  context: Context,
): Promise<SignalTarget> {
  const [stack = '', resource = ''] = [textOption(args, 'stack'), textOption(args, 'resource')];
  if (token !== undefined || (stack === '' && resource === ''))
    throw usageProblem('no URL to signal', 'give the URL of the wait condition handle');
  if (stack === '' || resource === '')
    throw usageProblem(
      stack === '' ? '--resource without --stack' : '--stack without --resource',
      'give both, or the URL of a wait condition handle',
    );
  const { findHeatAccess } = await import('../metadata/heat-source.ts');
  const { chainTools, heatWish } = await import('./metadata-options.ts');
  const { Unasked } = await import('../heat/failures.ts');
  const access = await findHeatAccess(heatWish(args), chainTools(context)).catch((error: unknown) => {
    if (!(error instanceof Unasked)) throw error;
    const { message, where, hint = 'give credentials and --url, or the URL of a WaitConditionHandle' } = error;
    throw new Problem(message, { ...(where === undefined ? {} : { where }), hint });
  });
  const { signalledResource } = await import('../heat/signal-resource.ts');
  const { signedCall } = await import('../heat/signed-call.ts');
  const { endpoint, credentials, signature, transport } = access;
  return signalledResource(endpoint.url, { stack, resource }, (parameters) => ({
    ...signedCall(endpoint, credentials, parameters, context.system.clock.now(), signature),
    ...transport,
  }));
}

interface Delivery {
  readonly insecure: boolean;
  readonly limit: Limit;
}

/** @throws Problem unless the server accepted the signal */
async function deliver(signal: Signal, target: SignalTarget, delivery: Delivery, context: Context): Promise<void> {
  const response = await send(signal, target, delivery, context);
  if (response.status >= 200 && response.status <= 299) return;
  const other = target.instead?.(response);
  if (other === undefined) throw target.refusal(response);
  context.log.info('the handle is an OS::Heat::WaitConditionHandle, which takes other keys: signalling it with these');
  await deliver(signal, other, delivery, context);
}

/** Sends until the server has answered for good, the attempts are used up, or the deadline has passed. */
async function send(
  signal: Signal,
  target: SignalTarget,
  { insecure, limit: { seconds, deadline } }: Delivery,
  { system, log }: Context,
): Promise<HttpResponse> {
  const { clock, http } = system;
  const tooLate = (why: string): Problem =>
    new Problem(`the signal was not accepted within ${seconds} s`, {
      where: target.server,
      hint: why,
      exitCode: ExitCode.deadline,
    });
  for (let attempt = 1; ; attempt++) {
    let response: HttpResponse | undefined;
    let problem: Problem;
    try {
      const request = target.request(signal);
      response = await http.exchange({
        ...request,
        insecure: insecure || request.insecure === true,
        // A signal that was accepted is accepted, whatever becomes of the page behind it.
        isStatusEnough: true,
        timeout: Math.max(1, Math.min(EXCHANGE_TIMEOUT, deadline - clock.elapsed())),
      });
      if (!isWorthRetrying(response.status) || target.instead?.(response) !== undefined) return response;
      problem = target.refusal(response);
    } catch (error) {
      if (!(error instanceof NoAnswer) || !error.isPassing) throw error;
      problem = error;
    }
    if (clock.elapsed() >= deadline) throw tooLate(problem.line);
    if (attempt === ATTEMPTS) throw problem;
    const delay = retryDelay(attempt + 1, response?.headers['retry-after'], clock.now(), clock.random());
    // Waiting past the deadline would only make the failure later.
    if (clock.elapsed() + delay >= deadline) throw tooLate(problem.line);
    log.info(`${problem.line}: trying again in ${(delay / 1000).toFixed(1)} s`);
    await clock.sleep(delay);
  }
}

function timeoutOption(args: ParsedArguments): number | undefined {
  const text = textOption(args, 'timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw usageProblem(`not a number of seconds: ${JSON.stringify(text)}`, 'give --timeout a positive number');
  return seconds;
}
