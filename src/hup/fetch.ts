import { Problem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import type { KnownAnswer } from '../heat/describe.ts';
import { BY_HUP_CONFIG } from '../heat/named-by.ts';
import { isRecord } from '../json.ts';
import { boundsOf, fetchFromHeatAgain, findHeatAccess, type HeatTools } from '../metadata/heat-source.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { isoTime } from '../time.ts';
import { type FetchFailure, readRunNotes, writeRunNotes } from './notes.ts';
import type { HupSettings } from './settings.ts';

interface Fetched {
  /** By logical id. */
  readonly resources: ReadonlyMap<string, StackResource>;
  /** The first failure, or the first one after which the server should not be asked for a while. */
  readonly failure: FetchFailure | undefined;
  /** The resource that failed, when others were fetched. */
  readonly about?: string | undefined;
}

/**
 * Asks Heat for each resource once.
 * @param answers the earlier answers by resource; this function updates them
 * @param attempts the number of attempts for each resource; undefined for the configured number
 */
export async function fetchResources(
  names: readonly string[],
  settings: HupSettings,
  tools: HeatTools,
  answers: Map<string, KnownAnswer>,
  attempts: number | undefined,
): Promise<Fetched> {
  const resources = new Map<string, StackResource>();
  let failure: FetchFailure | undefined;
  let about: string | undefined;
  const recordFailure = (error: unknown, resource?: string): FetchFailure => {
    if (!(error instanceof Problem)) throw error;
    const now = failureOf(error, settings, tools);
    if (now.isKnown !== true) tools.log.error(error.line);
    const worst = failure === undefined ? now : worseOf(failure, now);
    if (worst.line !== failure?.line) about = resource;
    failure = worst;
    return now;
  };
  if (names.length === 0) return { resources, failure };
  try {
    const { url, region, credentialFile, role } = settings;
    const options = {
      ...{ url, region, credentialFile, role, accessKey: undefined, secretKey: undefined },
      isRoleFirst: true,
      isStrict: false,
      namedBy: BY_HUP_CONFIG,
    };
    const access = await findHeatAccess(options, tools);
    let most = attempts ?? boundsOf(access).attempts;
    for (const name of names) {
      try {
        const request = { known: answers.get(name), attempts: most };
        const answer = await fetchFromHeatAgain(access, settings.stack, name, tools, request);
        answers.set(name, answer);
        resources.set(name, answer.resource);
      } catch (error) {
        const { kind } = recordFailure(error, name);
        // The policy applies to all resources, so the others would be refused, too.
        if (kind === 'forbidden') break;
        // One resource alone can fail, so the others are tried as well, but only once.
        if (kind === 'unreachable') most = 1;
      }
    }
  } catch (error) {
    recordFailure(error);
  }
  if (resources.size > 0 || failure?.kind === 'refused') forgetForbidden(tools.system, settings.stack);
  return { resources, failure, about: resources.size > 0 ? about : undefined };
}

/** An unreachable server is worse than a refusal. Of two times in Retry-After the longer one is used. */
function worseOf(first: FetchFailure, second: FetchFailure): FetchFailure {
  if (second.kind !== 'unreachable') return first;
  if (first.kind !== 'unreachable') return first.kind === 'refused' ? second : first;
  const retryAfter = Math.max(first.retryAfter ?? 0, second.retryAfter ?? 0);
  return retryAfter > 0 ? { ...first, retryAfter } : first;
}

function failureOf(error: Problem, { stack }: HupSettings, { system }: HeatTools): FetchFailure {
  const { code, line, retryAfter } = error;
  if (code === 'CFN_HEAT_FORBIDS_GUESTS')
    return { kind: 'forbidden', line, isKnown: !noteForbidden(system, stack, line) };
  if (code === 'CFN_HEAT_UNREACHABLE')
    return { kind: 'unreachable', line, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return { kind: code === 'CFN_HEAT_REFUSED' ? 'refused' : 'unasked', line };
}

/** The message that Heat's policy forbids guests to ask. */
interface Forbidden {
  readonly line: string;
  /** In ISO form. */
  readonly since: string;
}

/** The note that Heat's policy forbids guests to ask about the stack; undefined when there is none. */
function readForbidden(system: Pick<System, 'files'>, stack: string): Forbidden | undefined {
  const note = readRunNotes(system, paths.hupForbidden)[stack];
  if (!isRecord(note)) return undefined;
  const { line, since } = note;
  return typeof line === 'string' && typeof since === 'string' && !Number.isNaN(Date.parse(since))
    ? { line, since }
    : undefined;
}

/**
 * Records it, so that it is logged once, not by each pass of cron and each start of the daemon: only the operator of the
 * cloud can change it.
 * @returns whether it should be logged: it is new, or has changed
 */
function noteForbidden(system: System, stack: string, line: string): boolean {
  if (readForbidden(system, stack)?.line === line) return false;
  const note: Forbidden = { line, since: isoTime(system.clock.now()) };
  writeRunNotes(system, paths.hupForbidden, { ...readRunNotes(system, paths.hupForbidden), [stack]: note });
  return true;
}

/** Removes the note, since Heat has answered. If the policy forbids it again, that is logged again. */
function forgetForbidden(system: System, stack: string): void {
  const { [stack]: known, ...others } = readRunNotes(system, paths.hupForbidden);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupForbidden, Object.keys(others).length === 0 ? undefined : others);
}
