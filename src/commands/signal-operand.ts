import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import { exposureProblem } from '../heat/credentials.ts';
import { decodeSignalUrl, signalUrlFault, withoutWrapping } from '../heat/signal-url.ts';
import { type SignalTarget, signedHandle } from '../heat/wait-condition.ts';
import { parseJson } from '../json.ts';
import { readGivenSecret } from '../system/files/given-file.ts';
import type { Transport } from '../system/http/http.ts';
import { splitUrl } from '../url.ts';

/** Larger than any handle. */
const MOST_BYTES = 64 * 1024;

/** The text of a handle, and its source. */
interface GivenHandle {
  readonly text: string;
  readonly where: string;
}

/** The options that apply to the operand. */
interface HandleOptions {
  /** The attribute `token` of a handle with TOKEN_SIGNAL. */
  readonly token: string | undefined;
  /** -k */
  readonly insecure: boolean;
  /** Milliseconds to wait for a pipe. */
  readonly timeout: number;
}

/**
 * The handle in the operand of cfn-signal, in `@FILE` or on stdin (`-`): a URL, or the JSON of an OS::Heat::WaitConditionHandle
 * (contract section 7.4).
 * @throws Problem with exit code 2 when it is not a handle
 */
export async function handleOf(operand: string, options: HandleOptions, context: Context): Promise<SignalTarget> {
  const given = await readHandle(operand, options.timeout, context);
  const json = withoutWrapping(given.text);
  if (/^(?:[{[]|null$)/.test(json)) return handleInJson({ ...given, text: json }, options, context);
  const url = decodeSignalUrl(given.text);
  if (url === undefined)
    throw new Problem('not the URL of a wait condition handle', {
      where: given.where === OPERAND ? signalUrlFault(given.text) : `${given.where}: ${signalUrlFault(given.text)}`,
      hint: 'the URL begins with http:// or https://; check its quoting',
      exitCode: ExitCode.usage,
    });
  context.redactor.addSignedUrl(url);
  checkUrl(url);
  const transport = await (await transports(options, context))(url);
  if (options.token === undefined) return signedHandle(url, transport);
  return (await import('../heat/openstack-handle.ts')).tokenHandle(url, options.token, transport);
}

const OPERAND = 'the command line';

async function readHandle(operand: string, timeout: number, { system, log }: Context): Promise<GivenHandle> {
  if (operand === '@') throw usageProblem("'@' without the name of a file", 'write @FILE');
  const file = operand === '-' ? operand : /^@(.+)$/s.exec(operand)?.[1];
  if (file === undefined) return { text: operand, where: OPERAND };
  const { text, exposure } = await readGivenSecret(system, file, MOST_BYTES, timeout);
  if (exposure !== undefined) log.warning(exposureProblem(file, exposure, 'the file of the handle').line);
  return { text, where: file === '-' ? 'stdin' : file };
}

/** @throws Problem with exit code 2 for a URL that cannot be used */
function checkUrl(url: string, place = ''): void {
  try {
    splitUrl(url);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw usageProblem(error.message + place, error.hint ?? 'check the URL');
  }
}

async function handleInJson(
  { text, where }: GivenHandle,
  { token, ...options }: HandleOptions,
  context: Context,
): Promise<SignalTarget> {
  const { log, redactor, system } = context;
  const result = parseJson(text, 'the handle');
  if ('problem' in result) throw usageProblem(`${result.problem}: ${where}`, 'check its quoting');
  redactor.addDocument(result.value);
  const { decodeHandle, keystoneHandle } = await import('../heat/openstack-handle.ts');
  const handle = decodeHandle(result.value, where);
  if (token !== undefined) throw usageProblem("'--token' together with the JSON of a handle", 'leave it out');
  if (where === OPERAND)
    log.warning(
      'the handle is on the command line, where other users can read its secrets: put it into a file, and give @FILE',
    );
  if (handle.kind !== 'queue') checkUrl(handle.url, `: ${where}: alarm_url`);
  const transportTo = await transports(options, context);
  if (handle.kind === 'signed') {
    redactor.addSignedUrl(handle.url);
    return signedHandle(handle.url, await transportTo(handle.url), true);
  }
  return keystoneHandle(handle, { system, transportTo, onSecret: (secret) => redactor.addSecret(secret) });
}

async function transports(
  { insecure }: Pick<HandleOptions, 'insecure'>,
  { system: { files }, log, redactor }: Context,
): Promise<(url: string) => Promise<Transport>> {
  const { transportsTo } = await import('../metadata/heat-transport.ts');
  return transportsTo({ files, log, redactor }, insecure ? { insecure } : {});
}
