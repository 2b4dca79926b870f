import { Problem } from '../errors.ts';
import { isWorthRetrying, retrying, TransientFailure } from '../retry.ts';
import type { HttpRequest, HttpResponse } from '../system/http/http.ts';
import type { System } from '../system/system.ts';

/** The address at which Nova and EC2 tell a guest about itself. The http door never uses a proxy for it. */
const SERVICE = 'http://169.254.169.254';
/** Milliseconds for one exchange: the service is one hop away, or does not exist. */
const EXCHANGE_TIMEOUT = 2000;
/** Milliseconds for a whole lookup: a guest without the service must not hang at boot. */
export const MOST_TIME = 6000;
/** The pauses are short, because the service is part of the host or of its network. */
const LIMITS = { attempts: 3, firstPause: 500, longestPause: 1000 } as const;

/** The metadata service, for one lookup. */
export interface MetadataService {
  /**
   * Gets a path. Tries again after a temporary failure (no answer, 408, 429, 5xx) while there is time; any other status is an answer.
   * @throws Problem with the code CFN_METADATA_SERVICE_SILENT when the service does not answer; at once if it has not answered an
   *   earlier call
   */
  get(path: string): Promise<HttpResponse>;
  /** As get, with a session token (IMDSv2) if the service issues one, otherwise without. */
  getFromEc2(path: string): Promise<HttpResponse>;
}

/** @param time milliseconds for all requests together */
export function metadataService({ http, clock }: Pick<System, 'http' | 'clock'>, time: number): MetadataService {
  const deadline = clock.elapsed() + Math.min(time, MOST_TIME);
  let givenUp: Problem | undefined;
  let token: Promise<string | undefined> | undefined;

  const ask = (method: HttpRequest['method'], path: string, headers: Record<string, string>): Promise<HttpResponse> => {
    const left = deadline - clock.elapsed();
    if (left <= 0) throw new Problem('no answer in time', { where: SERVICE });
    return http.exchange({ method, url: `${SERVICE}${path}`, headers, timeout: Math.min(EXCHANGE_TIMEOUT, left) });
  };

  const get = async (path: string, headers: Record<string, string>): Promise<HttpResponse> => {
    if (givenUp !== undefined) throw givenUp;
    const attempt = async (): Promise<HttpResponse> => {
      let response: HttpResponse;
      try {
        response = await ask('GET', path, headers);
      } catch (error) {
        throw error instanceof Problem ? new TransientFailure(error) : error;
      }
      const { status, headers: answered } = response;
      if (!isWorthRetrying(status)) return response;
      throw new TransientFailure(new Problem(`HTTP ${status}`), answered['retry-after']);
    };
    return retrying(attempt, {
      clock,
      deadline,
      limits: LIMITS,
      giveUp: ({ problem: { line } }) => {
        givenUp = new Problem('the metadata service does not answer', {
          code: 'CFN_METADATA_SERVICE_SILENT',
          where: SERVICE,
          hint: line,
        });
        return givenUp;
      },
    });
  };

  const requestToken = async (): Promise<string | undefined> => {
    if (givenUp !== undefined) return undefined;
    try {
      const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '300', 'Content-Length': '0' };
      const { status, body } = await ask('PUT', '/latest/api/token', headers);
      return status === 200 && /^[\x21-\x7e]{1,1024}$/.test(body.trim()) ? body.trim() : undefined;
    } catch (error) {
      if (error instanceof Problem) return undefined; // an older service, or one that is too many hops away for its answer
      throw error;
    }
  };

  return {
    get: (path) => get(path, {}),
    async getFromEc2(path) {
      token ??= requestToken();
      const known = await token;
      return get(path, known === undefined ? {} : { 'X-aws-ec2-metadata-token': known });
    },
  };
}
