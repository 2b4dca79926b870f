import type { FileContent, FileEntry } from '../../config/config.ts';
import { doubtAbout, renderTemplate } from '../../config/template.ts';
import { isPrivateMode } from '../../config/values.ts';
import { Problem } from '../../errors.ts';
import { isAccountId } from '../../names.ts';
import { octalMode } from '../../octal.ts';
import { MissingAccount } from '../../system/accounts/accounts.ts';
import type { Attributes, Entry, Look } from '../../system/files/file-system.ts';
import type { Placed } from '../../system/files/staged-file.ts';
import { shownUrl } from '../../url.ts';
import { fetchUrl } from '../download.ts';
import type { Inspection, Outcome, Section, World } from '../step.ts';

/** Regardless of the umask (contract section 3, files). */
const NEW_FILE_MODE = 0o644;
const SET_ID_BITS = 0o6000;
/** Bytes of a downloaded private file that are kept out of the log. A larger file is data, not text. */
const MOST_PRIVATE_BYTES = 1024 * 1024;
/** A template is rendered in memory; this is larger than any real one. */
const MOST_TEMPLATE_BYTES = 64 * 1024 * 1024;

/** What to write. */
type Content =
  | { readonly kind: 'file'; readonly bytes: Buffer; readonly attributes: Attributes }
  | { readonly kind: 'symlink'; readonly target: string };
type FilePlan = Content | Download;
type Download = Extract<FileContent, { kind: 'download' }>;

/** Writes files and symbolic links, each in one step with its final owner and mode. */
export function filesSection(): Section<FileEntry, FilePlan> {
  /** Unchanged files: a killed run may have left temporary files beside them. For other files, the write removes these. */
  const unchanged: string[] = [];
  return {
    name: 'files',
    worksOnRoot: true,
    order: (entries) => entries,

    async inspect(entry, world) {
      const { content } = entry;
      if (content.kind === 'download')
        return { state: 'differs', what: `downloaded from ${shownUrl(content.url)}`, plan: content };
      const found = await compare(entry, Buffer.from(content.bytes), world);
      if (found.state === 'unchanged') unchanged.push(entry.name);
      return found;
    },

    async apply(entry, plan, world) {
      if (plan.kind !== 'download') {
        put(entry, plan, world);
        return { state: 'changed' };
      }
      if (plan.context === undefined) return applyDownload(entry, plan, world);
      const found = await compare(entry, await renderDownload(plan, entry.place, world), world);
      if (found.state !== 'differs') return found;
      put(entry, found.plan, world);
      return { state: 'changed', what: found.what };
    },

    async finish({ system: { files } }) {
      for (const path of unchanged) {
        try {
          files.sweep(path);
        } catch (error) {
          // A command has moved the directory since, so the temporary files cannot be found.
          if (!(error instanceof Problem)) throw error;
        }
      }
    },
  };
}

function put(entry: FileEntry, content: Content, world: World): void {
  const { files } = world.system;
  if (content.kind === 'symlink') files.writeLink(entry.name, content.target);
  else warnIfWrittenOver(files.write(entry.name, content.bytes, content.attributes), entry, world);
}

/** Warns of a file that was not replaced in one step. */
function warnIfWrittenOver(placed: Placed, { name }: FileEntry, { log }: World): void {
  if (placed === 'overwritten')
    log.warning(`${name} is a mount point, which cannot be replaced: its content was overwritten`);
}

/** What differs between the machine and the entry, in words. */
async function compare(entry: FileEntry, bytes: Buffer, world: World): Promise<Inspection<Content>> {
  const { files } = world.system;
  const present = files.look(entry.name, bytes);
  if (entry.mode?.kind === 'symlink') {
    const target = linkTarget(bytes);
    if (present?.target === target) return { state: 'unchanged' };
    return { state: 'differs', what: `linked to ${target}`, plan: { kind: 'symlink', target } };
  }
  const wanted = await wantedAttributes(entry, present, world);
  // Private content of the document is already registered. This is for files whose mode comes from the disk, and for downloads.
  const isOnlyHereKnown = entry.mode === undefined || entry.content.kind === 'download';
  if (isOnlyHereKnown && isPrivateMode(wanted.mode)) world.onPrivateText?.(bytes.toString('utf8'));
  const what = differenceOf(present?.isSame === true, present, wanted, entry);
  return what === ''
    ? { state: 'unchanged' }
    : { state: 'differs', what, plan: { kind: 'file', bytes, attributes: wanted } };
}

/** The differences, for a person; empty when there are none. */
function differenceOf(isSame: boolean, present: Entry | undefined, wanted: Attributes, entry: FileEntry): string {
  if (present === undefined) return `created, ${describe(wanted, entry)}`;
  if (present.kind !== 'file') return `replaced a ${present.kind}, ${describe(wanted, entry)}`;
  const parts = [
    ...(isSame ? [] : ['new content']),
    ...(present.mode === wanted.mode ? [] : [`mode ${octalMode(present.mode)} -> ${octalMode(wanted.mode)}`]),
    ...(present.uid === wanted.uid ? [] : [`owner ${present.uid} -> ${entry.owner ?? wanted.uid}`]),
    ...(present.gid === wanted.gid ? [] : [`group ${present.gid} -> ${entry.group ?? wanted.gid}`]),
  ];
  return parts.join(', ');
}

/**
 * The attributes from the entry, else those of the existing file, else those of a new file: 0644 and the running user. A file that a
 * stranger has put where everybody may write does not count as existing: it would still belong to the stranger. A file that gets
 * another owner or group loses its set-id bits, as with chown(2), because the old owner set them.
 */
async function wantedAttributes(entry: FileEntry, present: Look | undefined, world: World): Promise<Attributes> {
  const { accounts, self } = world.system;
  const namesAll = entry.owner !== undefined && entry.group !== undefined && entry.mode !== undefined;
  const kept = present?.kind === 'file' && (namesAll || !present.isPlanted) ? present : undefined;
  const owner = entry.owner === undefined ? undefined : await accounts.user(entry.owner);
  const group = entry.group === undefined ? undefined : await accounts.group(entry.group);
  const uid =
    entry.owner === undefined ? (kept?.uid ?? self.uid) : (owner?.uid ?? numericId(entry.owner, 'user', entry));
  const gid =
    entry.group === undefined ? (kept?.gid ?? self.gid) : (group?.gid ?? numericId(entry.group, 'group', entry));
  const changesHands = kept !== undefined && (kept.uid !== uid || kept.gid !== gid);
  const keptMode = changesHands ? kept.mode & ~SET_ID_BITS : kept?.mode;
  return { mode: entry.mode?.kind === 'file' ? entry.mode.bits : (keptMode ?? NEW_FILE_MODE), uid, gid };
}

/** A number is an owner even when no account has it, as for chown. */
function numericId(name: string, kind: 'user' | 'group', entry: FileEntry): number {
  if (isAccountId(name)) return Number(name);
  // root is always 0 and needs no account.
  if (name === 'root') return 0;
  throw new MissingAccount(`no ${kind} ${JSON.stringify(name)}`, {
    where: `${entry.place}, ${kind === 'user' ? 'owner' : 'group'}`,
    hint: `create it under "${kind}s"`,
  });
}

async function applyDownload(entry: FileEntry, content: Download, world: World): Promise<Outcome> {
  const { files } = world.system;
  const present = files.look(entry.name);
  const wanted = await wantedAttributes(entry, present, world);
  const staged = files.stage(entry.name);
  const kept = new BeginningOf(isPrivateMode(wanted.mode) ? MOST_PRIVATE_BYTES : 0);
  const write = (chunk: Buffer): void => {
    kept.add(chunk);
    staged.write(chunk);
  };
  const restart = (): void => {
    kept.clear();
    staged.restart();
  };
  try {
    await fetchUrl({ ...content, write, restart }, world);
    if (kept.text !== '') world.onPrivateText?.(kept.text);
    const isSame = present?.kind === 'file' && files.isSame(entry.name, staged.path);
    const what = differenceOf(isSame, present, wanted, entry);
    if (what === '') return { state: 'unchanged' };
    warnIfWrittenOver(staged.commit(wanted), entry, world);
    return { state: 'changed', what: `${what}, from ${shownUrl(content.url)}` };
  } finally {
    staged.discard();
  }
}

/** Keeps the beginning of content that arrives in pieces. */
class BeginningOf {
  readonly #mostBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(chunk: Buffer): void {
    if (this.#length >= this.#mostBytes) return;
    // Copied, because the piece may be part of a larger buffer that is used again.
    this.#chunks.push(Buffer.from(chunk.subarray(0, this.#mostBytes - this.#length)));
    this.#length += chunk.length;
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

async function renderDownload(content: Download, place: string, world: World): Promise<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  const write = (chunk: Buffer): void => {
    length += chunk.length;
    if (length > MOST_TEMPLATE_BYTES)
      throw new Problem('a template of more than 64 MiB', { where: shownUrl(content.url) });
    chunks.push(chunk);
  };
  const restart = (): void => {
    chunks = [];
    length = 0;
  };
  await fetchUrl({ ...content, write, restart }, world);
  try {
    const rendered = renderTemplate(Buffer.concat(chunks).toString('utf8'), content.context ?? {});
    const doubt = doubtAbout(rendered);
    if (doubt !== undefined) world.log.warning(`${doubt}: ${place}, source: it is left empty`);
    return Buffer.from(rendered.text);
  } catch (error) {
    throw new Problem('bad mustache template', {
      where: shownUrl(content.url),
      hint: error instanceof Error ? error.message : String(error),
    });
  }
}

function linkTarget(bytes: Buffer): string {
  return bytes.toString('utf8').trim();
}

function describe(wanted: Attributes, entry: FileEntry): string {
  const isNamed = entry.owner !== undefined || entry.group !== undefined;
  return octalMode(wanted.mode) + (isNamed ? ` ${entry.owner ?? wanted.uid}:${entry.group ?? wanted.gid}` : '');
}
