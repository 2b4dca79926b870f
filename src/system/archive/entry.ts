import { Problem } from '../../errors.ts';

interface EntryCommon {
  /** As in the archive, but without `./`, doubled and trailing slashes; empty for the top directory (`./`). */
  readonly name: string;
  /** Permission bits; set-id and sticky are dropped. */
  readonly mode: number;
  readonly modified: Date | undefined;
}

/** An entry of an archive. The content of a file can be read until the next entry is requested. */
export type ArchiveEntry =
  | (EntryCommon & { readonly kind: 'file'; readonly content: AsyncIterable<Buffer> })
  | (EntryCommon & { readonly kind: 'directory' })
  /** `target` is the text of the link, or the name of the entry that a hard link shares its content with. */
  | (EntryCommon & { readonly kind: 'symlink' | 'hardlink'; readonly target: string });

const PERMISSIONS_KEPT = 0o777;
/** Characters of a name in a message: a name in a hostile archive may be very long. */
const MOST_SHOWN = 300;

/** The permission bits that an entry may keep. */
export function keptMode(mode: number): number {
  return mode & PERMISSIONS_KEPT;
}

/** Normalises a name without checking it: a leading slash and `..` stay, so that the caller can refuse them. */
export function normalName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return `${name.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}

/** A time that can be set on a file, or undefined. */
export function usableTime(time: Date | undefined): Date | undefined {
  return time !== undefined && Number.isFinite(time.getTime()) ? time : undefined;
}

/** The error that refuses a whole archive because of one entry. */
export function refusedEntry(name: string, reason: string, where: string): Problem {
  const shown = name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}...` : name;
  return new Problem(`refused the archive: its entry ${JSON.stringify(shown)} ${reason}`, {
    where,
    hint: 'nothing of it was unpacked',
  });
}

/** The error for an archive that cannot be read to its end. */
export function damagedArchive(where: string, reason: unknown): Problem {
  const said = reason instanceof Error ? reason.message : String(reason);
  return new Problem(`the archive is damaged or cut short (${said})`, {
    where,
    hint: 'download it again, or create it again',
    cause: reason,
  });
}

/** Passes bytes on; an error of the decoder becomes a Problem. */
export async function* guarded(chunks: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw error instanceof Problem ? error : damagedArchive(where, error);
  }
}

export interface ArchiveLimits {
  /** Of all unpacked data, tar headers included. */
  readonly bytes: number;
  readonly entries: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = { bytes: 16 * 2 ** 30, entries: 1_000_000 };

/** What one archive may still unpack to: a small file can unpack to far more than fits on a disk. */
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

  /** Checks the size in the header of an entry before any of it is written. @throws Problem when it is too large */
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

/** The error for too many entries, including directories that are only implied by other names. */
export function tooManyEntries({ entries }: ArchiveLimits, where: string): Problem {
  return refused(`more than ${entries} entries`, 'split it up', where);
}

function tooManyBytes({ bytes }: ArchiveLimits, where: string): Problem {
  return refused(
    `more than ${bytes} bytes`,
    'if you trust it, raise most-unpacked-bytes in /etc/cfn/cfntools.conf',
    where,
  );
}

function refused(much: string, hint: string, where: string): Problem {
  return new Problem(`refused the archive: it unpacks to ${much}`, {
    where,
    hint: `${hint}; nothing of it was unpacked`,
  });
}
