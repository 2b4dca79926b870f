import { Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { isWorthRetrying, TransientFailure } from '../retry.ts';
import type { HttpResponse } from '../system/http/http.ts';
import { isTransient } from '../system/http/problem.ts';
import type { System } from '../system/system.ts';
import { type Budget, retryWithin } from './retries.ts';
import { EXCHANGE_TIMEOUT, type Signal, type SignalTarget } from './wait-condition.ts';

export interface Delivery {
  readonly insecure: boolean;
  readonly budget: Budget;
}

/**
 * Sends a signal until it is accepted.
 * @throws Problem when the server refused it; when it was not accepted in time, with exit code 75 where `--timeout` is given
 */
export async function deliver(
  signal: Signal,
  target: SignalTarget,
  { insecure, budget }: Delivery,
  { system: { clock, http }, log }: { readonly system: Pick<System, 'clock' | 'http'>; readonly log: Log },
): Promise<void> {
  let isRepeated = false;
  let current = target;
  const attempt = async (left: number): Promise<void> => {
    const end = clock.elapsed() + left;
    const untilEnd = (): number => Math.max(1, end - clock.elapsed());
    const request = await current.request(signal, left);
    let response: HttpResponse;
    try {
      response = await http.exchange({
        ...request,
        insecure: insecure || request.insecure === true,
        // A signal that was accepted is accepted, even if the rest of the answer breaks off.
        isStatusEnough: true,
        timeout: Math.min(EXCHANGE_TIMEOUT, untilEnd()),
      });
    } catch (error) {
      if (!(error instanceof Problem) || !isTransient(error)) throw error;
      isRepeated ||= error.code === 'CFN_SERVER_NO_ANSWER';
      throw new TransientFailure(error);
    }
    const { status, headers, body } = response;
    if (status >= 200 && status <= 299) {
      const failure = failureIn(response, current);
      if (failure === undefined) return;
      isRepeated = true;
      throw failure;
    }
    const other = current.alternative?.(response);
    if (other !== undefined) {
      log.info(other.note);
      current = other.target;
      return attempt(untilEnd());
    }
    const received = current.received?.(response, signal, isRepeated);
    if (received !== undefined) {
      if (received.needsAttention) log.warning(received.note);
      else log.info(received.note);
      return;
    }
    const problem = current.refusal(response);
    if (!isWorthRetrying(status, body)) throw problem;
    isRepeated ||= status >= 500;
    throw new TransientFailure(problem, headers['retry-after']);
  };
  await retryWithin('the signal was not accepted', attempt, budget, { clock, log });
}

/** Characters of a body that are looked at. */
const BEGINNING = 4096;
const PAGE =
  /^[\s\uFEFF]*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[\s\S]{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|script|center|h1)\b/i;
/** The end looks for an `error` in JSON, behind keys whose values are texts, numbers or words. */
const ERROR =
  /^[\s\uFEFF]*(?:(?:<\?xml[^>]{0,200}>\s*)?<(?:ErrorResponse|Error)[\s>]|\{(?:\s*"[^"\\]{0,99}"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]{1,99})\s*,)*\s*"(?:ErrorResponse|errors?)"\s*:(?!\s*(?:null|false|0|""|\[\s*\]|\{\s*\})\s*[,}]))/i;
/** A code of an error that may pass, as AWS writes it, or a status of HTTP in JSON. */
const TRANSIENT_CODE =
  /<Code>\s*(?:Internal(?:Failure|Error)|ServiceUnavailable)\s*<|"Code"\s*:\s*"(?:Internal(?:Failure|Error)|ServiceUnavailable)"|"(?:code|status|statusCode)"\s*:\s*"?(?:408|429|5\d\d)\b/;
/** Heat's internal errors, which it may send with status 200: heat/api/aws/exception.py, HeatInternalFailureError. */
const INTERNAL = /^\s*"?The request processing has failed due to an internal error/;

/**
 * What an answer within 2xx says of the signal. Heat answers with the name of the handle, CloudFormation with a
 * SignalResourceResponse, S3 and Swift with nothing: anything but a page of HTML or an error is an acceptance. When a body
 * broke off, its beginning decides.
 * @returns undefined for an acceptance; TransientFailure for a page, since a portal may let us through later
 * @throws Problem for an error in the body that does not pass
 */
function failureIn(response: HttpResponse, target: SignalTarget): TransientFailure | undefined {
  const { status, headers } = response;
  const body = response.body.slice(0, BEGINNING);
  if (INTERNAL.test(body)) return new TransientFailure(target.refusal(response), headers['retry-after']);
  if (ERROR.test(body)) {
    const problem = target.refusal(response);
    // 400, since the code counts here and not the status.
    if (TRANSIENT_CODE.test(body) || isWorthRetrying(400, body))
      return new TransientFailure(problem, headers['retry-after']);
    throw problem;
  }
  if (!isPage(response, body)) return undefined;
  return new TransientFailure(
    new Problem(`the answer is a web page (HTTP ${status}) and does not say that the signal was accepted`, {
      where: target.server,
      hint: 'a captive portal or a proxy has answered in its place; check the address and the proxy settings',
    }),
    headers['retry-after'],
  );
}

function isPage({ status, headers, isCutShort }: HttpResponse, body: string): boolean {
  // Swift says "Created" and "Accepted" in a page, and calls an empty body HTML.
  if (status !== 200 && status !== 203) return false;
  if (PAGE.test(body)) return true;
  const isHtml = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(String(headers['content-type'] ?? ''));
  return isHtml && (body.trim() !== '' || isCutShort === true);
}
