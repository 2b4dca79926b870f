import { Problem, usageProblem } from '../errors.ts';
import { isRecord } from '../json.ts';
import { isWebUrl } from '../url.ts';
import { decodeHandedOut, type KeystoneCredentials } from './keystone-credentials.ts';

/** A handle of OS::Heat::WaitConditionHandle, by its signal_transport. */
export type HandedOut =
  /** CFN_SIGNAL, TEMP_URL_SIGNAL: the URL is signed. */
  | { readonly kind: 'signed'; readonly url: string }
  /** HEAT_SIGNAL: Heat's own API, with a token of keystone. */
  | { readonly kind: 'native'; readonly url: string; readonly credentials: KeystoneCredentials }
  /** ZAQAR_SIGNAL: a queue, with a token of keystone. */
  | { readonly kind: 'queue'; readonly queueId: string; readonly credentials: KeystoneCredentials };

/** A handle has one of these only if it has a user of its own. */
const OF_USER = ['auth_url', 'password', 'user_id', 'username', 'project_id'];

/**
 * Decodes the attribute `signal` of a handle (contract section 7.4). Source: heat/engine/resources/signal_responder.py, _get_signal.
 * @param where it was read from
 * @throws Problem with exit code 2 for JSON that is none
 */
export function decodeHandle(value: unknown, where: string): HandedOut {
  if (value === null)
    throw notOne(
      'it is null',
      where,
      "with TOKEN_SIGNAL, give the attribute endpoint, and '--token' the attribute token",
    );
  if (!isRecord(value)) throw notOne('it is not an object', where);
  if (Object.keys(value).length === 0) throw notOne('it is empty', where, 'with NO_SIGNAL, a handle waits for nothing');
  const { alarm_url: url, queue_id: queueId } = value;
  const credentials = (): KeystoneCredentials => {
    try {
      return decodeHandedOut(value, { place: 'in the handle', where: undefined });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw usageProblem(`${error.message}: ${where}`, error.hint);
    }
  };
  if (typeof queueId === 'string' && /^[\w.-]{1,255}$/.test(queueId))
    return { kind: 'queue', queueId, credentials: credentials() };
  if (typeof url !== 'string') throw notOne('it has no alarm_url and no queue_id', where);
  if (!isWebUrl(url)) throw notOne('its alarm_url is no URL', where);
  const isOfUser = OF_USER.some((name) => value[name] !== undefined && value[name] !== null);
  return isOfUser ? { kind: 'native', url, credentials: credentials() } : { kind: 'signed', url };
}

function notOne(
  why: string,
  where: string,
  hint = 'give the attribute "signal" of an OS::Heat::WaitConditionHandle',
): Problem {
  return usageProblem(`JSON that is no handle: ${where}: ${why}`, hint);
}
