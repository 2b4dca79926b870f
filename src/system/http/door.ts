import type { Environment } from '../programs/exec.ts';
import type { Http, ProxyChoice } from './http.ts';
import type { ReadTrusted } from './trust.ts';

/**
 * Opens the door to the network. Its parts are loaded on demand: TLS costs 10 ms of CPU, and proxies and downloads are rare.
 * @param abort ends exchanges and downloads that are under way
 */
export function createHttp(
  environment: Environment,
  proxies: ProxyChoice,
  readTrusted: ReadTrusted,
  abort?: AbortSignal,
): Http {
  return {
    async exchange(wanted) {
      const request = { abort, ...wanted };
      const proxy = (await import('./proxy.ts')).chooseProxy(request.url, proxies, environment, request.proxy);
      return (await import('./exchange.ts')).exchange(request, proxy, readTrusted);
    },
    async download(wanted) {
      const request = { abort, ...wanted };
      const { chooseProxy } = await import('./proxy.ts');
      const { download } = await import('./download.ts');
      await download(request, (url, last) => chooseProxy(url, proxies, environment, last), readTrusted);
    },
  };
}
