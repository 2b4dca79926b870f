import { describeError, Problem } from '../errors.ts';
import type { HttpRequest, HttpResponse } from '../system/http.ts';
import type { System } from '../system/system.ts';

/** Where Nova and EC2 answer to a guest about itself. The http door never asks a proxy for it. */
const SERVICE = 'http://169.254.169.254';
/** Milliseconds for one exchange: the service is a hop away, or there is none. */
const EXCHANGE_TIMEOUT = 2000;
/** Milliseconds for all of a lookup: a guest without the service must not hang at boot. */
export const MOST_PATIENCE = 6000;
const ATTEMPTS = 3;
/** Milliseconds before the second attempt; doubled before the third. */
const FIRST_PAUSE = 500;

/** The metadata service, asked by one lookup. */
export interface MetadataService {
  /**
   * Gets a path. Passing troubles (no answer, 429, 5xx) are tried again while there is time; any other status is an
   * answer.
   * @throws SilentService when the service did not answer; at once when it was given up before
   */
  get(path: string): Promise<HttpResponse>;
  /** As get, with a session token (IMDSv2) where the service hands one out and without where it does not. */
  getFromEc2(path: string): Promise<HttpResponse>;
}

/** The service did not answer, or not as one that is well. */
export class SilentService extends Problem {}

/** @param patience milliseconds for everything that is asked through it */
export function metadataService({ http, clock }: Pick<System, 'http' | 'clock'>, patience: number): MetadataService {
  const deadline = clock.elapsed() + Math.min(patience, MOST_PATIENCE);
  let givenUp: SilentService | undefined;
  let token: Promise<string | undefined> | undefined;

  const ask = (method: HttpRequest['method'], path: string, headers: Record<string, string>): Promise<HttpResponse> => {
    const left = deadline - clock.elapsed();
    if (left <= 0) throw new Problem('no answer in time', { where: SERVICE });
    return http.exchange({ method, url: `${SERVICE}${path}`, headers, timeout: Math.min(EXCHANGE_TIMEOUT, left) });
  };

  const get = async (path: string, headers: Record<string, string>): Promise<HttpResponse> => {
    if (givenUp !== undefined) throw givenUp;
    for (let attempt = 1, pause = FIRST_PAUSE; ; attempt++, pause *= 2) {
      let trouble: string;
      try {
        const response = await ask('GET', path, headers);
        if (response.status !== 429 && response.status < 500) return response;
        trouble = `HTTP ${response.status}`;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        trouble = describeError(error);
      }
      if (attempt === ATTEMPTS || clock.elapsed() + pause >= deadline) {
        givenUp = new SilentService('the metadata service does not answer', { where: SERVICE, hint: trouble });
        throw givenUp;
      }
      await clock.sleep(pause);
    }
  };

  const requestToken = async (): Promise<string | undefined> => {
    if (givenUp !== undefined) return undefined;
    try {
      const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '300', 'Content-Length': '0' };
      const { status, body } = await ask('PUT', '/latest/api/token', headers);
      return status === 200 && /^[\x21-\x7e]{1,1024}$/.test(body.trim()) ? body.trim() : undefined;
    } catch (error) {
      if (error instanceof Problem) return undefined; // an older service, or one too many hops away for its answer
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
