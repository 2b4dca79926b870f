import { Problem } from '../errors.ts';
import { isWorthRetrying } from '../retry.ts';
import type { HttpResponse } from '../system/http.ts';
import { Passing } from './persist.ts';
import type { SignalTarget } from './wait-condition.ts';

/** Characters of a body that are looked at. */
const BEGINNING = 4096;
const PAGE =
  /^[\s\uFEFF]*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[\s\S]{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|script|center|h1)\b/i;
/** The end looks for an `error` in JSON, behind keys whose values are texts, numbers or words. */
const ERROR =
  /^[\s\uFEFF]*(?:(?:<\?xml[^>]{0,200}>\s*)?<(?:ErrorResponse|Error)[\s>]|\{(?:\s*"[^"\\]{0,99}"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]{1,99})\s*,)*\s*"(?:ErrorResponse|errors?)"\s*:(?!\s*(?:null|false|0|""|\[\s*\]|\{\s*\})\s*[,}]))/i;
/** A code of an error that may pass, as AWS writes it, or a status of HTTP in JSON. */
const PASSING_CODE =
  /<Code>\s*(?:Internal(?:Failure|Error)|ServiceUnavailable)\s*<|"Code"\s*:\s*"(?:Internal(?:Failure|Error)|ServiceUnavailable)"|"(?:code|status|statusCode)"\s*:\s*"?(?:408|429|5\d\d)\b/;
/** Heat's internal errors, which it may send with status 200: heat/api/aws/exception.py, HeatInternalFailureError. */
const INTERNAL = /^\s*"?The request processing has failed due to an internal error/;

/**
 * What an answer within 2xx says of the signal. Heat answers with the name of the handle, CloudFormation with a
 * SignalResourceResponse, S3 and Swift with nothing: anything but a page of HTML or an error is an acceptance. When a body
 * broke off, its beginning decides.
 * @returns undefined for an acceptance; a passing fault for a page, since a portal may let us through later
 * @throws Problem for an error in the body that does not pass
 */
export function receptionFault(response: HttpResponse, target: SignalTarget): Passing | undefined {
  const { status, headers } = response;
  const body = response.body.slice(0, BEGINNING);
  if (INTERNAL.test(body)) return new Passing(target.refusal(response), headers['retry-after']);
  if (ERROR.test(body)) {
    const problem = target.refusal(response);
    // 400, since the code counts here and not the status.
    if (PASSING_CODE.test(body) || isWorthRetrying(400, body)) return new Passing(problem, headers['retry-after']);
    throw problem;
  }
  if (!isPage(response, body)) return undefined;
  return new Passing(
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
