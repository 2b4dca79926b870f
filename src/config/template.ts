import mustache from 'mustache';
import { isRecord } from './record.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Renders a mustache template. `{{x}}` escapes the four characters that the mustache specification names (the library's
 * own default escapes `/`, `=` and more, which would break paths in configuration files).
 * @throws Error when the template is malformed
 */
export function renderTemplate(template: string, context: Readonly<Record<string, unknown>>): string {
  return new OwnWriter().render(template, new OwnContext(context), undefined, {
    escape: (value: unknown) => textOf(value).replace(/[&<>"]/g, (character) => ENTITIES[character] as string),
  });
}

/** An object is not for text; its JSON says at least what it is. */
function textOf(value: unknown): string {
  return isRecord(value) ? JSON.stringify(value) : String(value ?? '');
}

/**
 * The names of a template, outside of its sections, for which a context has nothing: they become nothing.
 * @param template one that renderTemplate takes
 */
export function unknownNames(template: string, context: Readonly<Record<string, unknown>>): readonly string[] {
  const names = (mustache.parse(template) as readonly (readonly unknown[])[])
    .filter(([kind]) => kind === 'name' || kind === '&')
    .map(([, name]) => String(name));
  return [...new Set(names)].filter((name) => name !== '.' && !isKnown(name, context));
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

class OwnWriter extends mustache.Writer {
  override unescapedValue([, name = '']: string[], context: mustache.Context): string {
    return textOf(context.lookup(name));
  }
}

function has(value: unknown, key: string): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function isKnown(name: string, context: unknown): boolean {
  return new OwnContext(context).lookup(name) !== undefined;
}
