import type { JsonSpans } from '../json.ts';
import { isRecord, parseJsonNumbers } from '../json.ts';
import { AUTHENTICATION_KEY } from './authentication.ts';
import { INIT_KEY } from './config-sets.ts';

/** Where a number stands for its digits: how far below its section, and in the lists and maps of which keys. */
const LITERAL: Readonly<Record<string, { readonly depth: number; readonly keys?: readonly string[] }>> = {
  packages: { depth: 0 },
  commands: { depth: 2, keys: ['command', 'test', 'env'] },
  services: { depth: 3, keys: ['files', 'sources', 'commands', 'packages'] },
};

/**
 * The version 6.0 is another one than 6, and so is an argument, a variable or a name, which may have 64 bits, too. Without a
 * number in one of these sections, as nearly always, nothing is parsed again.
 * @param config the name of the config
 * @param spans the texts of the whole document
 */
export function withNumbersAsWritten(
  value: Record<string, unknown>,
  config: string,
  spans: JsonSpans,
): Record<string, unknown> {
  const entries = Object.entries(LITERAL).flatMap(([section, { depth, keys }]) => {
    const part = value[section];
    const span = hasNumber(part) ? spans.textAt([INIT_KEY, config, section]) : undefined;
    if (span === undefined) return [];
    const written = parseJsonNumbers(span, (_, digits) => digits);
    return [[section, takeLiteral(part, written, depth, keys)] as const];
  });
  return entries.length === 0 ? value : { ...value, ...Object.fromEntries(entries) };
}

/** A document whose credentials are texts: a password of digits may be longer than JSON.parse keeps. */
export function withCredentialsAsWritten(value: Record<string, unknown>, spans: JsonSpans): Record<string, unknown> {
  const span = hasNumber(value[AUTHENTICATION_KEY]) ? spans.textAt([AUTHENTICATION_KEY]) : undefined;
  if (span === undefined) return value;
  return { ...value, [AUTHENTICATION_KEY]: parseJsonNumbers(span, (_, digits) => digits) };
}

/** The value with what is as deep, below these keys, taken from the other one of the same form. */
function takeLiteral(value: unknown, written: unknown, depth: number, keys?: readonly string[]): unknown {
  if (depth === 0) return typeof value === 'object' ? written : value;
  if (!isRecord(value) || !isRecord(written)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      depth === 1 && keys?.includes(key) !== true ? part : takeLiteral(part, written[key], depth - 1, keys),
    ]),
  );
}

function hasNumber(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNumber);
  return typeof value === 'number' || (isRecord(value) && hasNumber(Object.values(value)));
}
