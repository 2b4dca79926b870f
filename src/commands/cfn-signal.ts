import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import {
  decodeSignalUrl,
  isWorthRetrying,
  judge,
  refusal,
  retryDelay,
  type SignalWish,
  signalOf,
} from '../heat/wait-condition.ts';
import { localInstanceId } from '../metadata/instance-id.ts';
import type { HttpRequest, HttpResponse } from '../system/http.ts';
import { splitUrl } from '../url.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/** Attempts before a server that is down is given up: about 15 seconds of waiting on average, 31 at most. */
const ATTEMPTS = 6;
/** Milliseconds for one exchange. */
const EXCHANGE_TIMEOUT = 30_000;

/** cfn-signal: tells a wait condition how it went (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { system, log, redactor } = context;
  for (const operand of args.operands) redactor.addSecret(operand);
  const url = signalUrl(args);
  redactor.addSignedUrl(url);

  const wish: SignalWish = {
    success: textOption(args, 'success'),
    exitCode: textOption(args, 'exitCode') ?? textOption(args, 'exit'),
    reason: textOption(args, 'reason'),
    data: textOption(args, 'data'),
  };
  if (textOption(args, 'exit') !== undefined) log.warning('--exit is deprecated: use -e or --exit-code');
  const { status, warning } = judge(wish);
  if (warning !== undefined) log.warning(warning);
  const signal = signalOf(wish, status, textOption(args, 'id') ?? localInstanceId(system.files));

  const request: Omit<HttpRequest, 'timeout'> = {
    method: 'PUT',
    url,
    // The pre-signed URL covers an empty Content-Type: any other would break the signature.
    headers: {},
    body: JSON.stringify(signal),
    insecure: flagOption(args, 'insecure'),
  };
  const { scheme, authority } = splitUrl(url);
  const server = `${scheme}://${authority}`;
  const response = await send(request, server, timeoutOption(args), context);
  if (response.status < 200 || response.status > 299) throw refusal(response, server);
  log.info(`signalled ${signal.Status} as ${signal.UniqueId} to ${server}`);
  return ExitCode.done;
}

/** Sends until the server has answered for good, the attempts are used up, or the deadline has passed. */
async function send(
  request: Omit<HttpRequest, 'timeout'>,
  server: string,
  seconds: number | undefined,
  { system, log }: Context,
): Promise<HttpResponse> {
  const { clock, http } = system;
  const deadline = seconds === undefined ? Number.POSITIVE_INFINITY : clock.elapsed() + seconds * 1000;
  const tooLate = (why: string): Problem =>
    new Problem(`the signal was not accepted within ${seconds} s`, {
      where: server,
      hint: why,
      exitCode: ExitCode.deadline,
    });
  for (let attempt = 1; ; attempt++) {
    let response: HttpResponse | undefined;
    let problem: Problem;
    try {
      response = await http.exchange({
        ...request,
        timeout: Math.max(1, Math.min(EXCHANGE_TIMEOUT, deadline - clock.elapsed())),
      });
      if (!isWorthRetrying(response.status)) return response;
      problem = refusal(response, server);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
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

function signalUrl(args: ParsedArguments): string {
  const [operand] = args.operands;
  if (operand === undefined) {
    if (textOption(args, 'stack') === undefined && textOption(args, 'resource') === undefined)
      throw usageProblem('no URL to signal', 'give the URL of the wait condition handle');
    throw new Problem('signalling a resource by --stack and --resource is not built yet', {
      hint: 'signal the URL of a WaitConditionHandle',
      exitCode: ExitCode.bug,
    });
  }
  const url = decodeSignalUrl(operand);
  if (url === undefined)
    throw usageProblem(
      'not the URL of a wait condition handle',
      'it begins with http:// or https://; check its quoting',
    );
  return url;
}

function timeoutOption(args: ParsedArguments): number | undefined {
  const text = textOption(args, 'timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw usageProblem(`not a number of seconds: ${JSON.stringify(text)}`, 'give --timeout a positive number');
  return seconds;
}
