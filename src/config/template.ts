import mustache from 'mustache';
import { isRecord } from './record.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Renders a mustache template. `{{x}}` escapes the four characters that the mustache specification names (the library's
 * own default escapes `/`, `=` and more, which would break paths in configuration files).
 * @throws Error when the template is malformed
 */
export function renderTemplate(template: string, context: Readonly<Record<string, unknown>>): string {
  return mustache.render(template, context, undefined, {
    escape: (value: unknown) => String(value ?? '').replace(/[&<>"]/g, (character) => ENTITIES[character] as string),
  });
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

function isKnown(name: string, context: unknown): boolean {
  let value = context;
  for (const part of name.split('.')) {
    if (!isRecord(value) || !Object.hasOwn(value, part)) return false;
    value = value[part];
  }
  return true;
}
