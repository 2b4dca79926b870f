import type { Environment } from './exec.ts';

/** One request. The URL goes out byte for byte: a pre-signed one would not survive a tidy-up. */
export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
  /** Accept any certificate. */
  readonly insecure?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first 1 MiB of the body. */
  readonly body: string;
}

export interface DownloadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Gets the body piece by piece, in order. */
  readonly write: (chunk: Buffer) => void;
  /** Called before a new attempt: forget what was written. */
  readonly restart: () => void;
}

/** The proxies of the command line; the environment's are used where it names none. */
export interface ProxyChoice {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
}

/** The one door to the network. */
export interface Http {
  /** A small exchange without redirects or retries. Any status is a result. @throws Problem when there is no answer */
  exchange(request: HttpRequest): Promise<HttpResponse>;
  /** Fetches a file: redirects followed, passing faults retried. @throws Problem unless the server sent all of it with a 2xx */
  download(request: DownloadRequest): Promise<void>;
}

/** The direct way costs 4 ms of CPU to load, undici 40: it is loaded for what it is better at, proxies and downloads. */
export function createHttp(
  environment: Environment,
  proxies: ProxyChoice,
  readTrusted: () => string | undefined,
): Http {
  return {
    async exchange(request) {
      const proxy = (await import('./proxy.ts')).chooseProxy(request.url, proxies, environment);
      if (proxy !== undefined)
        return (await import('./http-undici.ts')).exchangeThroughProxy(request, proxy, readTrusted);
      return (await import('./http-direct.ts')).exchangeDirectly(request, readTrusted);
    },
    async download(request) {
      const { chooseProxy } = await import('./proxy.ts');
      await (await import('./http-undici.ts')).download(
        request,
        (url) => chooseProxy(url, proxies, environment),
        readTrusted,
      );
    },
  };
}
