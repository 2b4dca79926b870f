import { Problem } from '../../errors.ts';
import { serverOf } from '../../url.ts';
import type { Transfer } from './line.ts';
import { codeOfFailure, NO_ANSWER } from './problem.ts';
import type { NamedProxy } from './proxy.ts';
import type { ProxyFaultError } from './proxy-fault.ts';

/**
 * The transfer for a request: by Node's own http, or by undici through a proxy. undici costs 40 ms of CPU to load, ten times as
 * much as Node's own http, so it is loaded only for proxies.
 * @param proxy undefined to connect directly
 */
export async function transferFor(proxy: NamedProxy | undefined): Promise<Transfer> {
  if (proxy === undefined) return (await import('./direct.ts')).transferDirectly;
  const transfer = (await import('./proxied.ts')).transferThrough(proxy);
  return async (outgoing, receiver, line) => {
    try {
      await transfer(outgoing, receiver, line);
    } catch (error) {
      throw error instanceof Error && 'proxyFault' in error ? ofProxy(error as ProxyFaultError, outgoing.url) : error;
    }
  };
}

function ofProxy(error: ProxyFaultError, url: string): Problem {
  const { what, hint, isTransient } = error.proxyFault;
  if (what !== undefined) return new Problem(what, { hint, cause: error });
  const code = isTransient ? codeOfFailure(error) : 'CFN_SERVER_UNTRUSTED';
  return new Problem(NO_ANSWER, { code, where: serverOf(url), hint, cause: error });
}
