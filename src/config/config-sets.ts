import { isRecord } from '../json.ts';
import { nearestName, suggestName } from '../nearest-name.ts';
import { type Finding, INIT_KEY, pointerOf, SETS_KEY } from './findings.ts';
import { isSection } from './schema.ts';
import { unresolved, unresolvedError } from './unresolved.ts';

const LONE_CONFIG = 'config';

export interface Selection {
  /** Names of configs in the order in which they are applied; one that is named twice is applied twice. */
  readonly configs: readonly string[];
  readonly findings: readonly Finding[];
}

/** How many configs and references to sets are followed. More are a mistake, as of sets that name each other twice. */
const MOST_FOLLOWED = 10_000;
/** How many names of sets are shown for a cycle. */
const LONGEST_TRAIL = 10;

type Record_ = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/**
 * Which configs to apply (contract section 2, cfn-init).
 * @param init the object at AWS::CloudFormation::Init
 * @param wanted config sets of the command line; empty: `default`
 */
export function selectConfigs(init: Record_, wanted: readonly string[]): Selection {
  const called = unresolved(init);
  if (called !== undefined) return { configs: [], findings: [unresolvedError(called, pointerOf([INIT_KEY]))] };
  const sets = init[SETS_KEY];
  const hasSets = isRecord(sets) && Object.keys(sets).length > 0;
  if (sets !== undefined && sets !== null && !isRecord(sets)) {
    return refuse([], 'configSets is not an object', 'map each name to a list of configs', [SETS_KEY]);
  }
  if (!hasSets) return withoutSets(init, wanted);

  if (wanted.length === 0 && !Object.hasOwn(sets, 'default')) {
    const known = Object.keys(sets).join(', ');
    return refuse([], 'no config set "default"', `choose with -c from: ${known}`, [SETS_KEY]);
  }
  return follow(init, sets, wanted.length === 0 ? ['default'] : wanted);
}

/** A set whose members are being followed. */
interface OpenSet {
  readonly name: string;
  readonly members: readonly unknown[];
  readonly isList: boolean;
  next: number;
}

/** Follows the sets into each other, without recursion: a chain may be thousands long. */
function follow(init: Record_, sets: Record_, wanted: readonly string[]): Selection {
  const findings: Finding[] = [];
  const configs: string[] = [];
  const open: OpenSet[] = [];
  const seen = new Set<string>();
  const cyclic = new Set<string>();
  const enter = (name: string, where: Path): void => {
    const trail = open.map((set) => set.name);
    const at = trail.indexOf(name);
    if (at >= 0) {
      // Sets that all name each other have very many cycles: one is enough.
      const isReported = [name, trail[trail.length - 1] ?? ''].some((one) => cyclic.has(one));
      for (const one of trail.slice(at)) cyclic.add(one);
      if (isReported) return;
      const shown = [...trail, name];
      if (shown.length > LONGEST_TRAIL) shown.splice(LONGEST_TRAIL / 2, shown.length - LONGEST_TRAIL, '...');
      findings.push(error(`config set cycle ${shown.join(' -> ')}`, 'remove one of the references', where));
    } else if (!Object.hasOwn(sets, name)) {
      findings.push(
        error(`no config set ${JSON.stringify(name)}`, suggestName(name, Object.keys(sets), 'there are'), where),
      );
    } else if (!seen.has(name) || findings.length === 0) {
      const members = sets[name];
      const isList = Array.isArray(members);
      open.push({ name, members: isList ? members : [members], isList, next: 0 });
      seen.add(name);
    }
  };

  let followed = 0;
  for (const first of wanted) {
    enter(first, [SETS_KEY]);
    for (let set = open.at(-1); set !== undefined; set = open.at(-1)) {
      const index = set.next++;
      if (index >= set.members.length) {
        open.pop();
        continue;
      }
      if (++followed > MOST_FOLLOWED && findings.length === 0) return tooMany();
      const member = set.members[index];
      const here = set.isList ? [SETS_KEY, set.name, index] : [SETS_KEY, set.name];
      const reference = referenceOf(member);
      const called = unresolved(member);
      if (reference !== undefined) enter(reference, [...here, 'ConfigSet']);
      else if (called !== undefined) findings.push(unresolvedError(called, pointerOf([INIT_KEY, ...here])));
      else if (typeof member !== 'string')
        findings.push(error('neither the name of a config nor a {"ConfigSet": NAME}', 'write one of them', here));
      else if (!Object.hasOwn(init, member) || !isRecord(init[member]) || member === SETS_KEY)
        findings.push(
          error(`no config ${JSON.stringify(member)}`, suggestName(member, configNames(init), 'there are'), here),
        );
      else configs.push(member);
    }
  }
  return { configs, findings };
}

function tooMany(): Selection {
  const what = `the config sets contain more than ${MOST_FOLLOWED} configs`;
  return refuse([], what, 'sets that name other sets twice double them each time', [SETS_KEY]);
}

function withoutSets(init: Record_, wanted: readonly string[]): Selection {
  if (wanted.length > 0) {
    return refuse(
      [],
      `no config set ${JSON.stringify(wanted.join(','))}, the document has no configSets`,
      'leave out -c',
      [],
    );
  }
  if (isRecord(init[LONE_CONFIG])) return { configs: [LONE_CONFIG], findings: [] };
  if (Object.keys(init).length === 0) return { configs: [], findings: [] };
  return LONE_CONFIG in init
    ? refuse([], 'config is not an object', '', [LONE_CONFIG])
    : refuse([], 'neither "config" nor "configSets"', whatElse(init), []);
}

function referenceOf(member: unknown): string | undefined {
  if (!isRecord(member) || Object.keys(member).length !== 1) return undefined;
  const name = member['ConfigSet'];
  return typeof name === 'string' ? name : undefined;
}

function configNames(init: Record_): string[] {
  return Object.keys(init).filter((name) => name !== SETS_KEY);
}

/** What to do about an Init with neither of the keys that are used. */
function whatElse(init: Record_): string {
  const keys = Object.keys(init);
  if (keys.some(isSection)) return 'these are the sections of a config: write "config": { ... } around them';
  const near = keys.find((key) => nearestName(key, [LONE_CONFIG, SETS_KEY]) !== undefined);
  if (near === undefined) return `name one of them; there are: ${keys.join(', ')}`;
  return `${JSON.stringify(near)} is not read: did you mean ${nearestName(near, [LONE_CONFIG, SETS_KEY])}?`;
}

function refuse(configs: readonly string[], what: string, hint: string, path: Path): Selection {
  return { configs, findings: [error(what, hint, path)] };
}

function error(what: string, hint: string, path: Path): Finding {
  return { severity: 'error', what, pointer: pointerOf([INIT_KEY, ...path]), ...(hint === '' ? {} : { hint }) };
}
