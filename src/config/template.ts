import mustache from 'mustache';
import { isRecord } from '../json.ts';
import { shorten } from './long-template.ts';

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
  const { short, restore } = shorten(template, context);
  const text = restore(writer.render(short, new OwnContext(context), undefined, {}));
  return { text, unknown: [...writer.unknown] };
}

/** What a template's author should know, as in `nothing in the context for {{port}}`; undefined when all names were known. */
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
    // An object is not for text; its JSON says at least what it is.
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
