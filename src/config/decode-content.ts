import type { JsonSpans } from '../json.ts';
import { isRecord, parseJsonNumbers } from '../json.ts';
import { formatJson } from '../json-forms.ts';
import { type Authentications, authenticationFor } from './authentication.ts';
import type { FileContent } from './config.ts';
import { INIT_KEY } from './config-sets.ts';
import type { Finding } from './findings.ts';
import type { RawConfig } from './schema.ts';
import { doubtAbout, renderTemplate } from './template.ts';

export type RawFile = NonNullable<RawConfig['files']>[string];

/** Takes a finding about a file, at one of its keys; the hint may be left out. */
export type ReportFinding = (
  severity: Finding['severity'],
  key: string | undefined,
  what: string,
  hint?: string,
) => undefined;

/** What a file is made of; undefined when that is an error, which is reported. */
export function decodeContent(
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

/** `2.0` is rendered so, as are 64-bit integers. A zero stays a number: no section of a template may take it for true. */
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
export function textOf(content: FileContent): string {
  return content.kind === 'inline' ? Buffer.from(content.bytes).toString('utf8') : '';
}
