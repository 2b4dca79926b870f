import type { Log } from '../log.ts';
import { isWorthRetrying } from '../retry.ts';
import { NoAnswer } from '../system/http-problem.ts';
import type { System } from '../system/system.ts';
import { type Budget, mayHaveArrived, Passing, persist } from './persist.ts';
import { receptionFault } from './reception.ts';
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
  const attempt = async (left: number): Promise<Passing | undefined> => {
    const end = clock.elapsed() + left;
    const untilEnd = (): number => Math.max(1, end - clock.elapsed());
    const request = await current.request(signal, left);
    if (request instanceof Passing) return request;
    const exchange = http.exchange({
      ...request,
      insecure: insecure || request.insecure === true,
      // A signal that was accepted is accepted, even if the rest of the answer breaks off.
      isStatusEnough: true,
      timeout: Math.min(EXCHANGE_TIMEOUT, untilEnd()),
    });
    const response = await exchange.catch((error: unknown) => {
      if (error instanceof NoAnswer && error.isPassing) return error;
      throw error;
    });
    if (response instanceof NoAnswer) {
      isRepeated ||= mayHaveArrived(response);
      return new Passing(response);
    }
    const { status, headers, body } = response;
    if (status >= 200 && status <= 299) {
      const fault = receptionFault(response, current);
      isRepeated ||= fault !== undefined;
      return fault;
    }
    const other = current.instead?.(response);
    if (other !== undefined) {
      log.info(other.note);
      current = other.target;
      return attempt(untilEnd());
    }
    const settled = current.settled?.(response, signal, isRepeated);
    if (settled !== undefined) {
      if (settled.isOdd) log.warning(settled.note);
      else log.info(settled.note);
      return undefined;
    }
    const problem = current.refusal(response);
    if (!isWorthRetrying(status, body)) throw problem;
    isRepeated ||= status >= 500;
    return new Passing(problem, headers['retry-after']);
  };
  await persist('the signal was not accepted', attempt, budget, { clock, log });
}
