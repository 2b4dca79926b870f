import * as v from 'valibot';
import { isRecord } from '../json.ts';
import type { SectionName } from './config.ts';
import { INIT_KEY } from './config-sets.ts';
import type { Finding } from './findings.ts';
import { pointerOf } from './pointer.ts';
import { configSchema, partMessage, type RawConfig } from './schema.ts';

/**
 * Decodes a config by its schema. The names that no program may get are errors; those of a tolerated section are warnings, and
 * their entries are left out.
 * @param findings gets what is wrong
 * @returns undefined where there was an error
 */
export function parseConfig(
  name: string,
  value: Readonly<Record<string, unknown>>,
  tolerated: ReadonlySet<SectionName>,
  findings: Finding[],
): RawConfig | undefined {
  let rest = value;
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    const result = v.safeParse(configSchema, rest);
    const issues = result.issues ?? [];
    const passed = issues.filter((issue) => isTolerated(issue, tolerated));
    // What is left out is no longer complained about, or else this would have no end.
    const isDone = passed.length === 0 || issues.length >= before;
    before = issues.length;
    if (isDone) {
      for (const issue of issues) findings.push(findingOf(issue, name));
      return result.success ? result.output : undefined;
    }
    for (const issue of passed) {
      const { what, pointer } = findingOf(issue, name);
      findings.push({ severity: 'warning', what, pointer, hint: 'going on without it, as heat-cfntools did' });
      rest = withoutEntry(rest, entryPath(issue)) as Readonly<Record<string, unknown>>;
    }
  }
}

function isTolerated(issue: v.BaseIssue<unknown>, tolerated: ReadonlySet<SectionName>): boolean {
  return partMessage(issue.message).isName && tolerated.has(pathOf(issue)[0] as SectionName);
}

/** The path of the entry that an issue is about: packages and services stand under their managers. */
function entryPath(issue: v.BaseIssue<unknown>): readonly string[] {
  const path = pathOf(issue).map(String);
  return path.slice(0, path[0] === 'packages' || path[0] === 'services' ? 3 : 2);
}

/** A copy without what stands at a path. Packages may be a list of names, and blanks around a name do not count. */
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

function pathOf(issue: v.BaseIssue<unknown>): readonly (string | number)[] {
  return (issue.path ?? []).map((item) => item.key as string | number);
}

function findingOf(issue: v.BaseIssue<unknown>, config: string): Finding {
  const path = pathOf(issue);
  const pointer = pointerOf([INIT_KEY, config, ...path]);
  if (issue.received === 'undefined' && issue.kind === 'schema' && issue.expected?.startsWith('"')) {
    return {
      severity: 'error',
      what: `${issue.expected} is missing`,
      pointer: pointerOf([INIT_KEY, config, ...path.slice(0, -1)]),
    };
  }
  const { what, hint } = partMessage(issue.message);
  return { severity: 'error', what, pointer, ...(hint === '' ? {} : { hint }) };
}
