import { isRecord } from '../json.ts';
import { isPrivateMode, parseMode } from './mode.ts';

/** Sections in which nothing is secret but what has a telling name. */
const OPEN_SECTIONS = ['packages', 'groups', 'users', 'sources', 'services'];

/**
 * What a document says in the open: names of all entries, the contents of files that everybody may read, packages, users,
 * services, addresses. Not what commands run: the secrets of private files are often repeated there.
 * @param init the configs
 */
export function openTextsOf(init: Readonly<Record<string, unknown>>): readonly string[] {
  const found: string[] = [];
  for (const config of Object.values(init).filter(isRecord)) {
    for (const section of OPEN_SECTIONS) collectTexts(config[section], found);
    for (const [path, file] of entriesOf(config['files'])) {
      found.push(path);
      if (!isRecord(file)) continue;
      const { content, source, owner, group, mode } = file;
      collectTexts([source, owner, group], found);
      if (isReadByAll(mode)) collectTexts(content, found);
    }
    for (const [name, command] of entriesOf(config['commands'])) {
      found.push(name);
      if (isRecord(command)) collectTexts([command['cwd'], command['runas']], found);
    }
  }
  return found;
}

function entriesOf(section: unknown): [string, unknown][] {
  return isRecord(section) ? Object.entries(section) : [];
}

/** A new file without a mode is readable by all, too. */
function isReadByAll(mode: unknown): boolean {
  if (mode === undefined || mode === null) return true;
  const parsed = parseMode(mode);
  return 'mode' in parsed && parsed.mode.kind === 'file' && !isPrivateMode(parsed.mode.bits);
}

/** All keys and texts of a value, however deep. */
function collectTexts(value: unknown, found: string[]): void {
  const rest = [value ?? ''];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === 'string') found.push(next);
    else if (isRecord(next)) for (const key of Object.keys(next)) found.push(key);
    if (typeof next === 'object' && next !== null)
      for (const item of Object.values(next)) if (item !== undefined && item !== null) rest.push(item);
  }
}
