import * as v from 'valibot';
import { isRecord, type JsonSpans, numbersAsWritten } from '../json.ts';
import type { SectionName } from './config.ts';
import { type Finding, INIT_KEY, pointerOf } from './findings.ts';
import { configSchema, type RawConfig, splitMessage } from './schema.ts';

/**
 * Decodes a config by its schema. A name that no program may get is an error; in a tolerated section it is a warning, and the
 * entry is left out.
 * @param spans the texts of the whole document
 * @param findings gets what is wrong
 * @returns undefined where there was an error
 */
export function parseConfig(
  name: string,
  value: Record<string, unknown>,
  spans: JsonSpans,
  tolerated: ReadonlySet<SectionName>,
  findings: Finding[],
): RawConfig | undefined {
  let rest = withNumbersAsWritten(value, name, spans);
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    const result = v.safeParse(configSchema, rest);
    const issues = result.issues ?? [];
    const passed = issues.filter((issue) => isTolerated(issue, tolerated));
    // What is left out causes no more issues, or else this would not end.
    const isDone = passed.length === 0 || issues.length >= before;
    before = issues.length;
    if (isDone) {
      for (const issue of issues) findings.push(findingOf(issue, name));
      return result.success ? result.output : undefined;
    }
    for (const issue of passed) {
      const { what, pointer } = findingOf(issue, name);
      findings.push({ severity: 'warning', what, pointer, hint: 'going on without it, as heat-cfntools did' });
      rest = withoutEntry(rest, entryPath(issue)) as Record<string, unknown>;
    }
  }
}

function isTolerated(issue: v.BaseIssue<unknown>, tolerated: ReadonlySet<SectionName>): boolean {
  return splitMessage(issue.message).isName && tolerated.has(issuePath(issue)[0] as SectionName);
}

/** The path of the entry that an issue is about: packages and services are one level deeper, below their managers. */
function entryPath(issue: v.BaseIssue<unknown>): readonly string[] {
  const path = issuePath(issue).map(String);
  return path.slice(0, path[0] === 'packages' || path[0] === 'services' ? 3 : 2);
}

/** A copy without the value at a path. Packages may be a list of names, and blanks around a name do not count. */
function withoutEntry(value: unknown, [key = '', ...rest]: readonly string[]): unknown {
  if (Array.isArray(value))
    return value.filter((name) => typeof name === 'object' || String(name).trim() !== key.trim());
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
    if (name.trim() !== key.trim()) return [[name, child]];
    return rest.length === 0 ? [] : [[name, withoutEntry(child, rest)]];
  });
  return Object.fromEntries(kept);
}

function issuePath(issue: v.BaseIssue<unknown>): readonly (string | number)[] {
  return (issue.path ?? []).map((item) => item.key as string | number);
}

function findingOf(issue: v.BaseIssue<unknown>, config: string): Finding {
  const path = issuePath(issue);
  if (issue.received === 'undefined' && issue.kind === 'schema' && issue.expected?.startsWith('"')) {
    const pointer = pointerOf([INIT_KEY, config, ...path.slice(0, -1)]);
    return { severity: 'error', what: `${issue.expected} is missing`, pointer };
  }
  const { what, hint } = splitMessage(issue.message);
  const pointer = pointerOf([INIT_KEY, config, ...path]);
  return { severity: 'error', what, pointer, ...(hint === '' ? {} : { hint }) };
}

/** Where a number means its digits: how far below its section, and in the lists and maps of which keys. */
const LITERAL: Readonly<Record<string, { readonly depth: number; readonly keys?: readonly string[] }>> = {
  packages: { depth: 0 },
  commands: { depth: 2, keys: ['command', 'test', 'env'] },
  services: { depth: 3, keys: ['files', 'sources', 'commands', 'packages'] },
};

/**
 * A config with texts for the numbers that mean their digits: the version 6.0 is another one than 6, and an argument, a variable
 * or a name may have 64 bits. Most configs have no such number, and their text is not parsed again.
 */
function withNumbersAsWritten(
  value: Record<string, unknown>,
  config: string,
  spans: JsonSpans,
): Record<string, unknown> {
  const entries = Object.entries(LITERAL).flatMap(([section, { depth, keys }]) => {
    const part = value[section];
    const written = numbersAsWritten(part, [INIT_KEY, config, section], spans);
    return written === undefined ? [] : [[section, takeLiteral(part, written, depth, keys)] as const];
  });
  return entries.length === 0 ? value : { ...value, ...Object.fromEntries(entries) };
}

/** The value, with what is this deep, below these keys, from the other one of the same form. */
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
