import { Problem } from '../../errors.ts';

export interface ArchiveLimits {
  /** Of everything unpacked, headers of a tar included. */
  readonly bytes: number;
  readonly entries: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = { bytes: 32 * 2 ** 30, entries: 2_000_000 };

/** What one archive may still take: a small file can unpack to far more than any disk holds. */
export class Budget {
  #bytes = 0;
  #entries = 0;
  readonly #limits: ArchiveLimits;
  readonly #where: string;

  constructor(limits: ArchiveLimits, where: string) {
    this.#limits = limits;
    this.#where = where;
  }

  /** @throws Problem when there are too many */
  countEntry(): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) this.#refuse(`more than ${this.#limits.entries} entries`);
  }

  /** Passes the bytes on and counts them. @throws Problem when there are too many */
  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#limits.bytes) this.#refuse(`more than ${this.#limits.bytes} bytes`);
      yield chunk;
    }
  }

  #refuse(much: string): never {
    throw new Problem(`refused the archive: it unpacks to ${much}`, {
      where: this.#where,
      hint: 'split it up; nothing of it was unpacked',
    });
  }
}
