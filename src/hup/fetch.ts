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
  /** The first that came up, or the first that gives reason to leave the server alone for a while. */
  readonly failure: FetchFailure | undefined;
  /** The resource that failed, when others were fetched. */
  readonly about?: string | undefined;
}

/**
 * Asks Heat for each resource once.
 * @param answers what was answered before, by resource; kept up to date
 * @param attempts of one resource; the configured ones when left out
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
  const take = (error: unknown, resource?: string): FetchFailure => {
    if (!(error instanceof Problem)) throw error;
    const now = failureOf(error, settings, tools);
    if (now.isKnown !== true) tools.log.error(error.line);
    const worst = failure === undefined ? now : graver(failure, now);
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
        const asking = { known: answers.get(name), attempts: most };
        const answer = await fetchFromHeatAgain(access, settings.stack, name, tools, asking);
        answers.set(name, answer);
        resources.set(name, answer.resource);
      } catch (error) {
        const { kind } = take(error, name);
        // The policy is about the call, whatever the resource.
        if (kind === 'forbidden') break;
        // The others are asked for as well, since one resource alone can fail, but only once.
        if (kind === 'unreachable') most = 1;
      }
    }
  } catch (error) {
    take(error);
  }
  if (resources.size > 0 || failure?.kind === 'refused') forgetForbidden(tools.system, settings.stack);
  return { resources, failure, about: resources.size > 0 ? about : undefined };
}

/** A server that cannot be reached counts for more than what it refuses, and the longest time that it asks for counts. */
function graver(first: FetchFailure, second: FetchFailure): FetchFailure {
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

/** What the policy of Heat forbade at the last pass that got an answer about the stack; undefined when it forbade nothing. */
function readForbidden(system: Pick<System, 'files'>, stack: string): Forbidden | undefined {
  const note = readRunNotes(system, paths.hupForbidden)[stack];
  if (!isRecord(note)) return undefined;
  const { line, since } = note;
  return typeof line === 'string' && typeof since === 'string' && !Number.isNaN(Date.parse(since))
    ? { line, since }
    : undefined;
}

/**
 * Notes it, so that it is said once and not by each pass of cron or each start of the daemon: only the operator of the cloud
 * can change it.
 * @returns whether it is to be said: it is new, or other than before
 */
function noteForbidden(system: System, stack: string, line: string): boolean {
  if (readForbidden(system, stack)?.line === line) return false;
  const note: Forbidden = { line, since: isoTime(system.clock.now()) };
  writeRunNotes(system, paths.hupForbidden, { ...readRunNotes(system, paths.hupForbidden), [stack]: note });
  return true;
}

/** Heat has answered otherwise: it is news when it comes back. */
function forgetForbidden(system: System, stack: string): void {
  const { [stack]: known, ...others } = readRunNotes(system, paths.hupForbidden);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupForbidden, Object.keys(others).length === 0 ? undefined : others);
}
