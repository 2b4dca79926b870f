import type { MetadataDocument } from '../config/decode.ts';
import { isRecord, jsonTextAt, parseJson } from '../json.ts';
import type { HttpResponse } from '../system/http/http.ts';

/** As much as any metadata may have, and as last_metadata may. */
export const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

/** What Heat says of a resource. */
export interface StackResource {
  /** `{}` when the resource has none. */
  readonly metadata: MetadataDocument;
  /** Only the metadata is known: a user of the stack may see no more. What follows is undefined then. */
  readonly isPartial?: boolean;
  /** As in CREATE_COMPLETE. */
  readonly status: string | undefined;
  readonly physicalId: string | undefined;
  /** In ISO form. */
  readonly lastUpdated: string | undefined;
}

/** An answer in one form, whether it came as JSON or XML. */
export type Answer =
  | { readonly kind: 'resource'; readonly resource: StackResource }
  /** Heat's own words, or the code and message of an AWS error; neither when another program, such as a proxy, has answered. */
  | { readonly kind: 'error'; readonly code: string | undefined; readonly message: string | undefined }
  | { readonly kind: 'unintelligible'; readonly why: string };

const DETAIL = ['DescribeStackResourceResponse', 'DescribeStackResourceResult', 'StackResourceDetail'] as const;

/**
 * Decodes the body of an answer. Heat says "no such stack" as a bare JSON string with status 200 when JSON was asked for,
 * and Metadata arrives as an object (Heat) or as text (AWS, and all XML).
 */
export async function decodeAnswer({ body }: Pick<HttpResponse, 'body'>): Promise<Answer> {
  return /^\s*</.test(body) ? decodeXml(body) : decodeJson(body);
}

function decodeJson(body: string): Answer {
  const result = parseJson(body);
  if ('problem' in result) return { kind: 'unintelligible', why: result.problem };
  const { value } = result;
  if (typeof value === 'string') return { kind: 'error', code: undefined, message: value };
  const detail = valueAt(value, DETAIL);
  if (!isRecord(detail)) {
    const error = valueAt(value, ['ErrorResponse', 'Error']) ?? valueAt(value, ['Error']);
    if (isRecord(error)) return { kind: 'error', code: textOf(error['Code']), message: textOf(error['Message']) };
    return { kind: 'unintelligible', why: 'the answer does not describe a resource' };
  }
  const { Metadata: metadata } = detail;
  if (typeof metadata === 'string') return resourceWith(metadata, detail);
  if (metadata === undefined || metadata === null) return resourceWith('', detail);
  return resourceWith(jsonTextAt(body, [...DETAIL, 'Metadata']) ?? '', detail);
}

async function decodeXml(body: string): Promise<Answer> {
  const texts = await xmlTexts(body);
  const code = texts?.get('Code');
  if (code !== undefined) return { kind: 'error', code, message: texts?.get('Message') };
  if (texts === undefined || !texts.has('LogicalResourceId'))
    return { kind: 'unintelligible', why: 'the answer does not describe a resource' };
  return resourceWith(texts.get('Metadata') ?? '', Object.fromEntries(texts));
}

function resourceWith(text: string, detail: Readonly<Record<string, unknown>>): Answer {
  const result = text.trim() === '' ? { value: {} } : parseJson(text);
  if ('problem' in result) return { kind: 'unintelligible', why: `its metadata: ${result.problem}` };
  if (!isRecord(result.value)) return { kind: 'unintelligible', why: 'its metadata is not a JSON object' };
  return {
    kind: 'resource',
    resource: {
      metadata: { value: result.value, text: text.trim() === '' ? '{}' : text },
      status: textOf(detail['ResourceStatus']),
      physicalId: textOf(detail['PhysicalResourceId']),
      lastUpdated: timeOf(detail['LastUpdatedTimestamp']),
    },
  };
}

/** AWS gives seconds since 1970 in JSON, Heat ISO text. */
function timeOf(value: unknown): string | undefined {
  if (typeof value !== 'number') return textOf(value);
  const time = new Date(value * 1000);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const key of path) {
    if (!isRecord(here)) return undefined;
    here = here[key];
  }
  return here;
}

/**
 * The texts of an XML document by the names of their elements, of those that hold no others; of a repeated one the first
 * counts. Entities of a document type are not resolved.
 * @returns undefined when it is not well-formed
 */
async function xmlTexts(document: string): Promise<ReadonlyMap<string, string> | undefined> {
  // Hardly any answer is XML.
  const { SaxesParser } = await import('saxes');
  const texts = new Map<string, string>();
  let text = '';
  let isLeaf = false;
  let isWellFormed = true;
  const parser = new SaxesParser();
  parser.on('error', () => {
    isWellFormed = false;
  });
  parser.on('opentag', () => {
    text = '';
    isLeaf = true;
  });
  const collect = (piece: string): void => {
    text += piece;
  };
  parser.on('text', collect);
  parser.on('cdata', collect);
  parser.on('closetag', ({ name }) => {
    if (isLeaf && !texts.has(name)) texts.set(name, text);
    isLeaf = false;
  });
  parser.write(document).close();
  return isWellFormed ? texts : undefined;
}
