import { Problem } from '../../errors.ts';

export interface ArchiveLimits {
  /** Of everything unpacked, headers of a tar included. */
  readonly bytes: number;
  readonly entries: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = { bytes: 16 * 2 ** 30, entries: 1_000_000 };

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
    if (this.#entries > this.#limits.entries) throw tooManyEntries(this.#limits, this.#where);
  }

  /** An entry says how long it is: nothing of one that is too long needs to be written. @throws Problem when it is */
  announce(bytes: number): void {
    if (this.#bytes + bytes > this.#limits.bytes) throw tooManyBytes(this.#limits, this.#where);
  }

  /** Passes the bytes on and counts them. @throws Problem when there are too many */
  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#limits.bytes) throw tooManyBytes(this.#limits, this.#where);
      yield chunk;
    }
  }
}

/** The archive holds too much, be it that directories count which other names imply. */
export function tooManyEntries({ entries }: ArchiveLimits, where: string): Problem {
  return refused(`more than ${entries} entries`, 'split it up', where);
}

function tooManyBytes({ bytes }: ArchiveLimits, where: string): Problem {
  return refused(
    `more than ${bytes} bytes`,
    'if it is to be trusted, set most-unpacked-bytes in /etc/cfn/cfntools.conf higher',
    where,
  );
}

function refused(much: string, hint: string, where: string): Problem {
  return new Problem(`refused the archive: it unpacks to ${much}`, {
    where,
    hint: `${hint}; nothing of it was unpacked`,
  });
}
