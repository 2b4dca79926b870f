import { isoTime, isTimeText } from '../iso-time.ts';
import { isRecord } from '../json.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import type { Trouble } from './fetch.ts';
import type { HupConfig } from './hup-config.ts';
import { readLastChecks } from './last-check.ts';
import { readRunNotes, writeRunNotes } from './run-notes.ts';
import { stateKey } from './state-place.ts';

const KINDS = ['answered', 'unreachable', 'refused', 'unasked', 'forbidden'] as const satisfies readonly (
  | 'answered'
  | Trouble['kind']
)[];

/** How Heat answered when a pass asked it last. Times are ISO texts. */
export interface LastAnswer {
  readonly kind: (typeof KINDS)[number];
  /** When it began to be so. */
  readonly since: string;
  /** When it was asked. */
  readonly asked: string;
  /** What is wrong, as the log has it. */
  readonly line: string | undefined;
  /** The resource that it is about, where Heat has told of others. */
  readonly resource: string | undefined;
  /** Why the pass could not keep what it was told, so that hooks were left out. */
  readonly unkept: string | undefined;
}

/**
 * How Heat answered the last pass for a configuration that asked. When all was well there is no note of it, but those of
 * the checks, which each pass writes anyhow.
 * @returns undefined when nothing was asked since the boot
 */
export function readLastAnswer(
  system: Pick<System, 'files'>,
  config: Pick<HupConfig, 'settings' | 'hooks' | 'main'>,
): LastAnswer | undefined {
  const note = decodeAnswer(readRunNotes(system, paths.hupLastAnswer)[keyOf(config)]);
  const checks = readLastChecks(system);
  const times = config.hooks.map((hook) => checks.get(stateKey(hook))).filter((time) => time !== undefined);
  const asked = times.sort().at(-1);
  if (note !== undefined || asked === undefined) return note;
  return { kind: 'answered', since: asked, asked, line: undefined, resource: undefined, unkept: undefined };
}

/** Two configurations may follow one stack, each with an address and credentials of its own. */
type Asking = Pick<HupConfig, 'settings' | 'main'>;
function keyOf({ main, settings }: Asking): string {
  return `${main} ${settings.stack}`;
}

/** @returns undefined for what is no such note */
export function decodeAnswer(note: unknown): LastAnswer | undefined {
  if (!isRecord(note)) return undefined;
  const { since, asked, line, resource, unkept } = note;
  const kind = KINDS.find((known) => known === note['kind']);
  if (kind === undefined || !isTimeText(since) || !isTimeText(asked)) return undefined;
  return { kind, since, asked, line: textOf(line), resource: textOf(resource), unkept: textOf(unkept) };
}

/** Notes how Heat answered: the worst answer, where a pass asks for several resources. @param answer without secrets */
export function noteLastAnswer(
  system: System,
  asking: Asking,
  answer: Pick<LastAnswer, 'kind' | 'line' | 'resource'>,
): void {
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const key = keyOf(asking);
  const before = decodeAnswer(notes[key]);
  const asked = isoTime(system.clock.now());
  const since = before?.kind === answer.kind ? before.since : asked;
  const note: LastAnswer = { ...answer, since, asked, unkept: undefined };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: note });
}

/** Heat has told all, and nothing of it is left for another pass. */
export function forgetLastAnswer(system: System, asking: Asking): void {
  const { [keyOf(asking)]: known, ...others } = readRunNotes(system, paths.hupLastAnswer);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupLastAnswer, Object.keys(others).length === 0 ? undefined : others);
}

/** Notes besides that something could not be kept. */
export function noteUnkept(system: System, asking: Asking, unkept: string): void {
  const key = keyOf(asking);
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const asked = isoTime(system.clock.now());
  const note = decodeAnswer(notes[key]) ?? { kind: 'answered', since: asked, asked };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: { ...note, unkept } });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
