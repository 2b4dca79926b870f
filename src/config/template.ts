import mustache from 'mustache';

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
