import { tooLarge } from './http-problem.ts';

/** Without a wish of the caller: enough to read what an answer says. */
const ENOUGH_BYTES = 1024 * 1024;

/** Collects the body of an answer, bounded in memory. */
export class BodyKeeper {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  readonly #url: string;
  readonly #mostBytes: number | undefined;

  /** @param mostBytes a larger body is an error; undefined: the first 1 MiB is enough */
  constructor(url: string, mostBytes: number | undefined) {
    this.#url = url;
    this.#mostBytes = mostBytes;
  }

  /** Whether a body of this length is to be read: it costs nothing to refuse it before. @throws Problem when it is too much */
  wants(contentLength: string | string[] | undefined): boolean {
    if (this.#mostBytes !== undefined && Number(contentLength) > this.#mostBytes)
      throw tooLarge(this.#url, this.#mostBytes);
    return true;
  }

  /** Keeps a piece. @returns false when that is enough @throws Problem when it is too much */
  wantsMoreThan(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#mostBytes === undefined) return this.#length < ENOUGH_BYTES;
    if (this.#length > this.#mostBytes) throw tooLarge(this.#url, this.#mostBytes);
    return true;
  }

  text(): string {
    const body = Buffer.concat(this.#chunks, this.#length);
    return (this.#mostBytes === undefined ? body.subarray(0, ENOUGH_BYTES) : body).toString('utf8');
  }
}
