import type { Finding } from './findings.ts';
import { pointerOf } from './pointer.ts';
import { isRecord } from './record.ts';

export const INIT_KEY = 'AWS::CloudFormation::Init';
const SETS_KEY = 'configSets';
const LONE_CONFIG = 'config';

export interface Selection {
  /** Names of configs in the order in which they are applied; one that is named twice is applied twice. */
  readonly configs: readonly string[];
  readonly findings: readonly Finding[];
}

/** Of configs to apply, and of references to follow: more of them are a mistake, and sets that name each other double them. */
const MOST = 10_000;
/** Findings about config sets; one that is named twice is complained about twice. */
const MOST_FINDINGS = 20;

type Record_ = Readonly<Record<string, unknown>>;

/**
 * Which configs to apply (contract section 2, cfn-init).
 * @param init the object at AWS::CloudFormation::Init
 * @param wanted config sets of the command line; empty: `default`
 */
export function selectConfigs(init: Record_, wanted: readonly string[]): Selection {
  const sets = init[SETS_KEY];
  const hasSets = isRecord(sets) && Object.keys(sets).length > 0;
  if (sets !== undefined && sets !== null && !isRecord(sets)) {
    return refuse([], 'configSets is not an object', 'map each name to a list of configs', [SETS_KEY]);
  }
  if (!hasSets) return withoutSets(init, wanted);

  const findings: Finding[] = [];
  const configs: string[] = [];
  const known = Object.keys(sets);
  let followed = 0;
  const expand = (name: string, trail: readonly string[], where: readonly (string | number)[]): void => {
    if (++followed > MOST || configs.length > MOST || findings.length >= MOST_FINDINGS) return;
    if (trail.includes(name)) {
      findings.push(error(`config set cycle ${[...trail, name].join(' -> ')}`, 'remove one of the references', where));
      return;
    }
    if (!Object.hasOwn(sets, name)) {
      findings.push(error(`no config set ${JSON.stringify(name)}`, `there are: ${known.join(', ')}`, where));
      return;
    }
    const members: unknown = sets[name];
    const list: readonly unknown[] = Array.isArray(members) ? members : [members];
    list.forEach((member, index) => {
      const here = Array.isArray(members) ? [SETS_KEY, name, index] : [SETS_KEY, name];
      const reference = referenceOf(member);
      if (reference !== undefined) expand(reference, [...trail, name], [...here, 'ConfigSet']);
      else if (typeof member !== 'string')
        findings.push(error('neither the name of a config nor a {"ConfigSet": NAME}', '', here));
      else if (!Object.hasOwn(init, member) || !isRecord(init[member]) || member === SETS_KEY)
        findings.push(error(`no config ${JSON.stringify(member)}`, `there are: ${configNames(init)}`, here));
      else configs.push(member);
    });
  };

  if (wanted.length === 0 && !Object.hasOwn(sets, 'default')) {
    return refuse([], 'no config set "default"', `choose with -c from: ${known.join(', ')}`, [SETS_KEY]);
  }
  for (const name of wanted.length === 0 ? ['default'] : wanted) expand(name, [], [SETS_KEY]);
  if (followed > MOST || configs.length > MOST)
    return refuse(
      [],
      `the config sets come to more than ${MOST} configs`,
      'sets that name other sets twice double them each time',
      [SETS_KEY],
    );
  return { configs, findings };
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
    : refuse([], 'neither "config" nor "configSets"', `name one of them; there are: ${configNames(init)}`, []);
}

function referenceOf(member: unknown): string | undefined {
  if (!isRecord(member) || Object.keys(member).length !== 1) return undefined;
  const name = member['ConfigSet'];
  return typeof name === 'string' ? name : undefined;
}

function configNames(init: Record_): string {
  return (
    Object.keys(init)
      .filter((name) => name !== SETS_KEY)
      .join(', ') || 'none'
  );
}

function refuse(configs: readonly string[], what: string, hint: string, path: readonly (string | number)[]): Selection {
  return { configs, findings: [error(what, hint, path)] };
}

function error(what: string, hint: string, path: readonly (string | number)[]): Finding {
  return { severity: 'error', what, pointer: pointerOf([INIT_KEY, ...path]), ...(hint === '' ? {} : { hint }) };
}
