import * as v from 'valibot';
import { isRecord, type JsonSpans, parseJsonNumbers } from '../json.ts';
import { formatJson } from '../json-forms.ts';
import type { PrivateText } from '../secrets/private-texts.ts';
import { type Authentications, authenticationFor } from './authentication.ts';
import type { FileContent, FileEntry } from './config.ts';
import { AUTHENTICATION_KEY, type Finding, INIT_KEY, placeInWords, pointerOf } from './findings.ts';
import { configSchema, type RawConfig } from './schema.ts';
import { doubtAbout, renderTemplate } from './template.ts';
import { isExecutableMode, isPrivateMode, parseMode } from './values.ts';

export type RawFile = NonNullable<RawConfig['files']>[string];

/** Decodes the section files of a config. @param findings gets what is wrong */
export function decodeFiles(
  config: string,
  files: Readonly<Record<string, RawFile>>,
  spans: JsonSpans,
  authentications: Authentications,
  findings: Finding[],
): FileEntry[] {
  return Object.entries(files).flatMap(([path, file]) => {
    const report = (severity: Finding['severity'], key: string | undefined, what: string, hint = ''): undefined => {
      findings.push({
        severity,
        what,
        pointer: pointerOf([INIT_KEY, config, 'files', path, ...(key === undefined ? [] : [key])]),
        ...(hint === '' ? {} : { hint }),
      });
    };
    const named = file.authentication ?? undefined;
    if (named !== undefined && !authentications.byName.has(named)) {
      const what = `no ${JSON.stringify(named)} in ${AUTHENTICATION_KEY}`;
      report('warning', 'authentication', what, 'the file is fetched without credentials');
    }
    const content = decodeContent(config, path, file, spans, authentications, report);
    if (content === undefined) return [];
    if (file.mode?.kind === 'symlink' && content.kind === 'download') {
      report('error', 'source', 'a symbolic link cannot be downloaded', 'give its target as "content"');
      return [];
    }
    if (file.mode?.kind === 'symlink' && /^\s*$|\0/.test(textOf(content))) {
      report('error', 'content', 'not the target of a symbolic link', 'write the path that the link leads to');
      return [];
    }
    return [
      {
        name: path,
        place: placeInWords(pointerOf([INIT_KEY, config, 'files', path])),
        content,
        mode: file.mode ?? undefined,
        owner: file.owner ?? undefined,
        group: file.group ?? undefined,
      },
    ];
  });
}

/** Takes a finding about a file, at one of its keys; the hint may be left out. */
type ReportFinding = (severity: Finding['severity'], key: string | undefined, what: string, hint?: string) => undefined;

/** What a file is made of; undefined when that is an error, which is reported. */
function decodeContent(
  config: string,
  path: string,
  file: RawFile,
  spans: JsonSpans,
  authentications: Authentications,
  report: ReportFinding,
): FileContent | undefined {
  const { content, source } = file;
  const context = file.context ? contextAsWritten(file.context, config, path, spans) : undefined;
  if (content === undefined || content === null) {
    if (source === undefined || source === null)
      return report('error', undefined, 'neither content nor source', 'give the file one of them');
    return {
      kind: 'download',
      url: source,
      authentication: authenticationFor(source, file.authentication ?? undefined, authentications.byName),
      context,
    };
  }
  if (source !== undefined && source !== null)
    report('warning', 'source', 'both content and source', 'the content is used');
  let bytes: Uint8Array;
  if (typeof content !== 'string') {
    const written = spans.textAt([INIT_KEY, config, 'files', path, 'content']) ?? JSON.stringify(content);
    bytes = Buffer.from(formatJson(written));
  } else if (file.encoding === 'base64') {
    const compact = content.replace(/\s+/g, '');
    if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact))
      return report('error', 'content', 'bad base64', 'encode the content again, or drop "encoding"');
    bytes = Buffer.from(compact, 'base64');
  } else bytes = Buffer.from(content);
  if (context === undefined) return { kind: 'inline', bytes };
  const template = Buffer.from(bytes).toString('utf8');
  try {
    const rendered = renderTemplate(template, context);
    const doubt = doubtAbout(rendered);
    if (doubt !== undefined) report('warning', 'content', doubt, 'it is left empty');
    return { kind: 'inline', bytes: Buffer.from(rendered.text) };
  } catch (error) {
    return report(
      'error',
      'content',
      `bad mustache template: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/**
 * The context with its numbers as written (`2.0`, 64-bit integers). A zero stays a number, since a section of a template is
 * rendered for the text "0".
 */
function contextAsWritten(
  context: Record<string, unknown>,
  config: string,
  path: string,
  spans: JsonSpans,
): Record<string, unknown> {
  const span = spans.textAt([INIT_KEY, config, 'files', path, 'context']);
  const asWritten = span === undefined ? context : parseJsonNumbers(span, (value, written) => value && written);
  return isRecord(asWritten) ? asWritten : context;
}

/** What the document gives as the content; empty for a download. */
function textOf(content: FileContent): string {
  return content.kind === 'inline' ? Buffer.from(content.bytes).toString('utf8') : '';
}

/**
 * The files of a config with errors, without the values that are wrong, so that their contents are checked in the same run.
 * A file with a bad source is left out, since it would be reported as one without a source.
 */
export function soundFiles(value: Record<string, unknown>): Record<string, RawFile> {
  const files = value['files'];
  if (!isRecord(files)) return {};
  const sound: Record<string, RawFile> = {};
  for (const [path, file] of Object.entries(files)) {
    if (!isRecord(file)) continue;
    // The name of the file is checked elsewhere.
    const parse = (entry: Record<string, unknown>) => v.safeParse(configSchema, { files: { '/name': entry } });
    const broken = new Set((parse(file).issues ?? []).map((issue) => issue.path?.[2]?.key));
    if (broken.has('source')) continue;
    const rest = parse(Object.fromEntries(Object.entries(file).filter(([key]) => !broken.has(key))));
    const entry = rest.success ? rest.output.files?.['/name'] : undefined;
    if (entry !== undefined) sound[path] = entry;
  }
  return sound;
}

/** The contents of the files that not everybody may read. */
export function privateTextsIn(files: readonly FileEntry[]): PrivateText[] {
  return files.flatMap(({ mode, content }) =>
    mode?.kind === 'file' && isPrivateMode(mode.bits)
      ? [{ text: textOf(content), isExecutable: isExecutableMode(mode.bits) }]
      : [],
  );
}

/** Sections in which only what has a telling name is secret. */
const OPEN_SECTIONS = ['packages', 'groups', 'users', 'sources', 'services'];

/**
 * What everybody may read of a document: names of all entries, the contents of files that everybody may read, packages, users,
 * services, addresses. Not what commands run, which often repeats the secrets of private files.
 * @param init the configs
 */
export function openTextsOf(init: Readonly<Record<string, unknown>>): readonly string[] {
  const found: string[] = [];
  for (const config of Object.values(init).filter(isRecord)) {
    for (const section of OPEN_SECTIONS) collectTexts(config[section], found);
    for (const [path, file] of membersOf(config['files'])) {
      found.push(path);
      if (!isRecord(file)) continue;
      const { content, source, owner, group, mode } = file;
      collectTexts([source, owner, group], found);
      if (isReadByAll(mode)) collectTexts(content, found);
    }
    for (const [name, command] of membersOf(config['commands'])) {
      found.push(name);
      if (isRecord(command)) collectTexts([command['cwd'], command['runas']], found);
    }
  }
  return found;
}

function membersOf(section: unknown): [string, unknown][] {
  return isRecord(section) ? Object.entries(section) : [];
}

/** Everybody may read a new file without a mode, too. */
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
