import { Problem, type ProblemDetails } from '../errors.ts';

/** Heat was not asked: there are no credentials, or nobody knows its address. Older metadata may do instead. */
export class Unasked extends Problem {}

/**
 * Heat has accepted the credentials, but its policy keeps the call from every guest: the default since Heat 2024.1. It says
 * nothing about this guest or its stack, so it counts as not asked.
 */
export class ForbiddenByPolicy extends Unasked {}

/** Heat did not answer, or failed, for as long as it was tried. Older metadata may do instead. */
export class Unreachable extends Problem {
  /** Milliseconds of the pause that the server asked for, if any. */
  readonly retryAfter: number | undefined;

  constructor(what: string, details: ProblemDetails & { readonly retryAfter?: number | undefined } = {}) {
    super(what, details);
    this.retryAfter = details.retryAfter;
  }
}

/** Heat answered, and gives no metadata. Older metadata must not hide that. */
export class Refused extends Problem {}
