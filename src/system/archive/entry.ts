import { Problem } from '../../errors.ts';

interface EntryCommon {
  /** As the archive has it, but without `./`, doubled and trailing slashes; empty for the archive's own top (`./`). */
  readonly name: string;
  /** Permission bits; set-id and sticky are dropped. */
  readonly mode: number;
  readonly modified: Date | undefined;
}

/** One thing that an archive holds. The content of a file can be read until the next entry is asked for. */
export type ArchiveEntry =
  | (EntryCommon & { readonly kind: 'file'; readonly content: AsyncIterable<Buffer> })
  | (EntryCommon & { readonly kind: 'directory' })
  /** `target` is the text of the link, or the name of the entry that a hard link shares its content with. */
  | (EntryCommon & { readonly kind: 'symlink' | 'hardlink'; readonly target: string });

const PERMISSIONS_KEPT = 0o777;
/** Characters of a name; one of a hostile archive can fill screens. */
const MOST_SHOWN = 300;

/** The permission bits that an entry may keep. */
export function keptMode(mode: number): number {
  return mode & PERMISSIONS_KEPT;
}

/** Tidies a name up without judging it: a leading slash and `..` stay, for whoever decides where it may land. */
export function tidyName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return `${name.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}

/** A time that can be given to a file, or undefined. */
export function usableTime(time: Date | undefined): Date | undefined {
  return time !== undefined && Number.isFinite(time.getTime()) ? time : undefined;
}

/** The whole archive is refused because of one entry. */
export function refusedEntry(name: string, reason: string, where: string): Problem {
  const shown = name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}...` : name;
  return new Problem(`refused the archive: its entry ${JSON.stringify(shown)} ${reason}`, {
    where,
    hint: 'nothing of it was unpacked',
  });
}

/** The archive cannot be read to its end. */
export function damagedArchive(where: string, reason: unknown): Problem {
  const said = reason instanceof Error ? reason.message : String(reason);
  return new Problem(`the archive is damaged or cut short (${said})`, {
    where,
    hint: 'fetch it again, or make it anew',
    cause: reason,
  });
}

/** Passes bytes on; what a decoder throws about them becomes a Problem. */
export async function* guarded(chunks: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw error instanceof Problem ? error : damagedArchive(where, error);
  }
}
