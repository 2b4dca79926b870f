import { Problem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import type { KnownAnswer } from '../heat/describe.ts';
import { BY_HUP_CONFIG } from '../heat/named-by.ts';
import { boundsOf, fetchFromHeatAgain, findHeatAccess, type HeatTools } from '../metadata/heat-source.ts';
import { forgetForbidden, noteForbidden } from './forbidden.ts';
import type { HupSettings } from './hup-config.ts';

/** Why nothing, or not all, came from Heat. */
export interface Trouble {
  /** Forbidden: by Heat's policy, to all guests. */
  readonly kind: 'unreachable' | 'refused' | 'unasked' | 'forbidden';
  /** What is said of it in the log. */
  readonly line?: string;
  /** The log has it from an earlier pass, of this process or another. */
  readonly isKnown?: boolean;
  /** Milliseconds of the pause that the server asks for. */
  readonly retryAfter?: number;
}

export interface Fetched {
  /** By logical id. */
  readonly resources: ReadonlyMap<string, StackResource>;
  /** The first that came up, or the first that gives reason to leave the server alone for a while. */
  readonly trouble: Trouble | undefined;
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
  let trouble: Trouble | undefined;
  let about: string | undefined;
  const take = (error: unknown, resource?: string): Trouble => {
    if (!(error instanceof Problem)) throw error;
    const now = troubleOf(error, settings, tools);
    if (now.isKnown !== true) tools.log.error(error.line);
    const worst = trouble === undefined ? now : graver(trouble, now);
    if (worst.line !== trouble?.line) about = resource;
    trouble = worst;
    return now;
  };
  if (names.length === 0) return { resources, trouble };
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
  if (resources.size > 0 || trouble?.kind === 'refused') forgetForbidden(tools.system, settings.stack);
  return { resources, trouble, about: resources.size > 0 ? about : undefined };
}

/** A server that cannot be reached counts for more than what it refuses, and the longest time that it asks for counts. */
function graver(first: Trouble, second: Trouble): Trouble {
  if (second.kind !== 'unreachable') return first;
  if (first.kind !== 'unreachable') return first.kind === 'refused' ? second : first;
  const retryAfter = Math.max(first.retryAfter ?? 0, second.retryAfter ?? 0);
  return retryAfter > 0 ? { ...first, retryAfter } : first;
}

function troubleOf(error: Problem, { stack }: HupSettings, { system }: HeatTools): Trouble {
  const { code, line, retryAfter } = error;
  if (code === 'CFN_HEAT_FORBIDS_GUESTS')
    return { kind: 'forbidden', line, isKnown: !noteForbidden(system, stack, line) };
  if (code === 'CFN_HEAT_UNREACHABLE')
    return { kind: 'unreachable', line, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return { kind: code === 'CFN_HEAT_REFUSED' ? 'refused' : 'unasked', line };
}
