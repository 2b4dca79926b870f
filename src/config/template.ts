import mustache from 'mustache';
import { isRecord } from '../json.ts';

export interface Rendered {
  readonly text: string;
  /** Names that were looked up, and for which the context has nothing: they are left empty. */
  readonly unknown: readonly string[];
}

/**
 * Renders a mustache template. `{{x}}` escapes the four characters that the mustache specification names (the library's
 * own default escapes `/`, `=` and more, which would break paths in configuration files).
 * @throws Error when the template is malformed
 */
export function renderTemplate(template: string, context: Readonly<Record<string, unknown>>): Rendered {
  const writer = new OwnWriter();
  const { short, restore } = takeOutLongTexts(template, context);
  const text = restore(writer.render(short, new OwnContext(context), undefined, {}));
  return { text, unknown: [...writer.unknown] };
}

/** What the author of a template should know, as in `nothing in the context for {{port}}`; undefined when all names are known. */
export function doubtAbout({ unknown }: Rendered): string | undefined {
  if (unknown.length === 0) return undefined;
  return `nothing in the context for ${unknown.map((name) => `{{${name}}}`).join(', ')}`;
}

class OwnWriter extends mustache.Writer {
  readonly unknown = new Set<string>();

  override escapedValue(token: string[], context: mustache.Context): string {
    const value = this.unescapedValue(token, context);
    return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  }

  override unescapedValue([, name = '']: string[], context: mustache.Context): string {
    const value: unknown = context.lookup(name);
    if (value === undefined) this.unknown.add(name);
    // An object has no form as text; its JSON at least shows what it is.
    return isRecord(value) ? JSON.stringify(value) : String(value ?? '');
  }
}

/** Looks up what the document has, and nothing that JavaScript gives each object, such as `constructor`. */
class OwnContext extends mustache.Context {
  override push(view: unknown): OwnContext {
    return new OwnContext(view, this);
  }

  override lookup(name: string): unknown {
    if (name === '.') return this.view;
    const [first = '', ...rest] = name.split('.');
    let context: mustache.Context | undefined = this;
    while (context !== undefined && !has(context.view, first)) context = context.parent;
    let value: unknown = context?.view;
    for (const key of [first, ...rest]) {
      if (!has(value, key)) return undefined;
      value = value[key];
    }
    return value;
  }
}

function has(value: unknown, key: string): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

/** Characters. The library first makes a token of each character, which takes 200 bytes of memory. */
const LONG_TEXT = 4096;
/** Characters. The library's time to find the end of a tag grows with the square of the blanks in it. */
const LONGEST_TAG = 1000;
const MOST_TAGS = 200_000;

interface Shortened {
  readonly short: string;
  /** Puts the long texts back into what was rendered. */
  readonly restore: (rendered: string) => string;
}

/** Replaces the long texts of a template by marks and empties its comments, so that a template may have many megabytes. */
function takeOutLongTexts(template: string, context: unknown): Shortened {
  // A template that sets other delimiters is not changed.
  if (template.length < LONG_TEXT || template.includes('{{=')) return { short: template, restore: (text) => text };
  const mark = markNotIn(template, JSON.stringify(context));
  const texts: string[] = [];
  const take = (part: string): string => (part.length < LONG_TEXT ? part : `${mark}${texts.push(part) - 1}${mark}`);
  // A tag with only blanks beside it is alone on its line, and the library removes the line: so these blanks are kept.
  const takeBeside = (part: string): string => (part.trim() === '' ? part : take(part));
  const pieces = piecesOf(template).map((piece) => {
    if (piece.startsWith('{{')) return piece.startsWith('{{!') && piece.endsWith('}}') ? '{{!}}' : piece;
    const [first, last] = [piece.indexOf('\n'), piece.lastIndexOf('\n')];
    if (first < 0) return takeBeside(piece);
    const [head, tail] = [takeBeside(piece.slice(0, first)), takeBeside(piece.slice(last + 1))];
    return `${head}\n${first === last ? '' : `${take(piece.slice(first + 1, last))}\n`}${tail}`;
  });
  const taken = new RegExp(`${mark}(\\d+)${mark}`, 'g');
  return { short: pieces.join(''), restore: (text) => text.replace(taken, (_, index) => texts[index] as string) };
}

/** The texts and tags of a template. @throws Error for a tag that is too long, or when there are too many */
function piecesOf(template: string): readonly string[] {
  const pieces: string[] = [];
  let copied = 0;
  for (let begin = template.indexOf('{{'); begin >= 0; begin = template.indexOf('{{', copied)) {
    const close = template[begin + 2] === '{' ? '}}}' : '}}';
    const at = template.indexOf(close, begin);
    const end = at < 0 ? template.length : at + close.length;
    if (end - begin > LONGEST_TAG && (at < 0 || template[begin + 2] !== '!'))
      throw new Error(`Unclosed tag at ${begin}`);
    pieces.push(template.slice(copied, begin), template.slice(begin, end));
    if (pieces.length > 2 * MOST_TAGS) throw new Error(`more than ${MOST_TAGS} tags`);
    copied = end;
  }
  pieces.push(template.slice(copied));
  return pieces;
}

/** A private-use character that is in none of the texts. */
function markNotIn(...texts: readonly string[]): string {
  let code = 0xe000;
  while (texts.some((text) => text.includes(String.fromCharCode(code)))) code++;
  return String.fromCharCode(code);
}
