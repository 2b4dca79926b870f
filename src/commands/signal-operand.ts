import { parseJson } from '../config/json-text.ts';
import { type Context, readGivenSecret } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import { exposureProblem } from '../heat/credentials.ts';
import { decodeSignalUrl, signalUrlFault } from '../heat/signal-url.ts';
import { type SignalTarget, signedHandle } from '../heat/wait-condition.ts';
import type { Transport } from '../system/http.ts';
import { splitUrl } from '../url.ts';

/** Larger than any handle. */
const MOST_BYTES = 64 * 1024;

/** The text of a handle, and where it was read from. */
interface GivenHandle {
  readonly text: string;
  readonly where: string;
}

/**
 * The handle that the operand of cfn-signal is, or that is in `@FILE` or on stdin (`-`): a URL, or the JSON of an
 * OS::Heat::WaitConditionHandle (contract section 7.4).
 * @param token the attribute `token` of a handle with TOKEN_SIGNAL
 * @param left milliseconds that a pipe is waited for
 * @throws Problem with exit code 2 for what is no handle
 */
export async function handleOf(
  operand: string,
  token: string | undefined,
  left: number,
  context: Context,
): Promise<SignalTarget> {
  const { text, where } = readHandle(operand, left, context);
  if (/^[\s\uFEFF]*(?:[{[]|null\s*$)/.test(text)) return handleInJson(text, where, token, context);
  const url = decodeSignalUrl(text);
  if (url === undefined)
    throw new Problem('not the URL of a wait condition handle', {
      where: where === OPERAND ? signalUrlFault(text) : `${where}: ${signalUrlFault(text)}`,
      hint: 'the URL begins with http:// or https://; check its quoting',
      exitCode: ExitCode.usage,
    });
  context.redactor.addSignedUrl(url);
  try {
    splitUrl(url);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw usageProblem(error.message, error.hint ?? 'check the URL');
  }
  const transport = await (await transports(context))(url);
  if (token === undefined) return signedHandle(url, transport);
  return (await import('../heat/native-handle.ts')).tokenHandle(url, token, transport);
}

const OPERAND = 'the command line';

function readHandle(operand: string, left: number, { log }: Context): GivenHandle {
  const file = operand === '-' ? operand : /^@(.+)$/s.exec(operand)?.[1];
  if (file === undefined) return { text: operand, where: OPERAND };
  const { text, exposure } = readGivenSecret(file, MOST_BYTES, left);
  if (exposure?.kind === 'mode')
    log.warning(exposureProblem(file, exposure).line.replace('the credential file', 'the file of the handle'));
  return { text, where: file === '-' ? 'stdin' : file };
}

async function handleInJson(
  text: string,
  where: string,
  token: string | undefined,
  context: Context,
): Promise<SignalTarget> {
  const { log, redactor, system } = context;
  const result = parseJson(text);
  if ('problem' in result) throw usageProblem(`${result.problem}: ${where}`, 'check its quoting');
  redactor.addDocument(result.value);
  const { decodeHandle } = await import('../heat/handle-json.ts');
  const handle = decodeHandle(result.value, where);
  if (token !== undefined) throw usageProblem("'--token' beside the JSON of a handle", 'leave it out');
  if (where === OPERAND)
    log.warning(
      'the handle is on the command line, where other users can read its secrets: put it into a file, and give @FILE',
    );
  const transportTo = await transports(context);
  if (handle.kind === 'signed') {
    redactor.addSignedUrl(handle.url);
    return signedHandle(handle.url, await transportTo(handle.url), true);
  }
  const { keystoneHandle } = await import('../heat/keystone-handle.ts');
  return keystoneHandle(handle, { system, transportTo, onSecret: (secret) => redactor.addSecret(secret) });
}

async function transports({ system: { files }, log, redactor }: Context): Promise<(url: string) => Promise<Transport>> {
  const { transportsTo } = await import('../metadata/heat-transport.ts');
  return transportsTo({ files, log, redactor }, true);
}
