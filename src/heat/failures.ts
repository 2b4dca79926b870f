import { Problem } from '../errors.ts';

/** Heat was not asked: there are no credentials, or nobody knows its address. Older metadata may do instead. */
export class Unasked extends Problem {}

/** Heat did not answer, or was in trouble, for as long as it was tried. Older metadata may do instead. */
export class Unreachable extends Problem {}

/** Heat answered, and gives no metadata. Older metadata must not hide that. */
export class Refused extends Problem {}
