import { describeError, lastLine, Problem } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { Log } from '../log.ts';
import { Redactor } from '../redact.ts';
import { type CommandUser, commandEnvironment, type Environment } from '../system/exec.ts';
import type { System } from '../system/system.ts';
import type { Hook, HookPath } from './hook.ts';
import type { HupSettings } from './hup-config.ts';
import { type Observation, plainText } from './observation.ts';

/** What an action is told. */
export interface ActionCause {
  readonly before: Observation;
  readonly now: Observation;
  /** The newest metadata of the resource, whose secrets the action may print; undefined when it is not known. */
  readonly metadata: string | undefined;
}

export interface ActionTools {
  readonly system: System;
  readonly log: Log;
}

/** Linux takes no longer text for one variable, its name and the NUL at its end included (MAX_ARG_STRLEN). */
const LONGEST_VARIABLE = 128 * 1024;
const NAMES: Readonly<Record<HookPath['kind'], string>> = {
  metadata: 'METADATA',
  'physical-id': 'PHYSICAL_RESOURCE_ID',
  'last-updated': 'LAST_UPDATED',
};
/** What systemd tells us alone, by which an action would speak in our name, and what keeps the daemon small. */
const OURS_ALONE = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'MALLOC_ARENA_MAX',
];

/**
 * Runs the action of a hook by /bin/sh in `/`, as its user: real, effective and saved ids, the user's own groups, HOME and USER.
 * It gets CFN_OLD_ and CFN_NEW_ with METADATA, PHYSICAL_RESOURCE_ID or LAST_UPDATED (aws-cfn-bootstrap, update_hooks), and does
 * not get the credentials of our environment where it is another user's. What it prints goes to the log, without secrets of
 * the metadata. When its time is over, all that it started is ended.
 * @returns undefined when it succeeded, else why not, in one line without secrets
 */
export async function runAction(
  hook: Hook,
  cause: ActionCause,
  settings: Pick<HupSettings, 'umask' | 'actionTimeout'>,
  { system, log }: ActionTools,
): Promise<string | undefined> {
  // Its own, that goes away with the action: the values of all updates would pile up in a daemon.
  const redactor = await redactorOf(hook, cause);
  try {
    const user = await system.accounts.user(hook.runas);
    if (user === undefined)
      throw new Problem(`no user ${hook.runas}`, { where: hook.file, hint: 'runas names who the action runs as' });
    const isOther = user.uid !== system.self.uid;
    const { exitCode, output, reason, cut } = await system.exec.command(hook.action, {
      cwd: '/',
      env: actionEnvironment(hook, cause, { ...user, isOther }, system.environment, log),
      umask: settings.umask,
      timeout: settings.actionTimeout,
      ...(isOther ? { as: { uid: user.uid, gid: user.gid, groups: await system.accounts.gidsOf(user) } } : {}),
    });
    const printed = redactor.redact(output.trimEnd());
    if (printed !== '') log.info(`the action of ${hook.name} printed\n${printed}`);
    if (cut === 'timeout')
      return `it ran longer than ${settings.actionTimeout / 1000} s and was ended: action-timeout is the bound`;
    if (cut === 'abort') return 'it was ended, since cfn-hup was told to stop';
    if (exitCode === 0) return undefined;
    const why = reason === undefined ? '' : `: ${redactor.redact(reason)}`;
    return `it ended with exit code ${exitCode}: ${lastLine(printed)}${why}`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return redactor.redact(describeError(error));
  }
}

function actionEnvironment(
  hook: Hook,
  { before, now }: ActionCause,
  user: CommandUser,
  machine: Environment,
  log: Log,
): Environment {
  const environment: Record<string, string | undefined> = { ...commandEnvironment(machine, undefined, user) };
  for (const name of OURS_ALONE) delete environment[name];
  for (const name of Object.values(NAMES)) for (const age of ['OLD', 'NEW']) delete environment[`CFN_${age}_${name}`];
  for (const [age, observation] of [
    ['OLD', before],
    ['NEW', now],
  ] as const) {
    const name = `CFN_${age}_${NAMES[hook.path.kind]}`;
    const value = plainText(observation);
    if (value === undefined) continue;
    const isTooLong = Buffer.byteLength(value) + name.length + 2 > LONGEST_VARIABLE;
    if (!isTooLong && !value.includes('\0')) environment[name] = value;
    else
      log.warning(
        `the action of ${hook.name} runs without ${name}: ${isTooLong ? 'its value is longer than 128 KiB' : 'its value has a NUL in it'}: use cfn-get-metadata in the action`,
      );
  }
  return environment;
}

/**
 * Knows what the metadata calls secret, and what the values do that the hook has seen, by the names at their path; what they are
 * besides is what the action is for.
 */
async function redactorOf({ path }: Hook, { before, now, metadata }: ActionCause): Promise<Redactor> {
  const redactor = new Redactor();
  const seen = path.kind === 'metadata' ? [before, now].filter((value) => value !== null) : [];
  const texts = seen.map((value) => path.keys.reduceRight((text, key) => `{${JSON.stringify(key)}:${text}}`, value));
  // Loaded here: a daemon for which nothing happens stays smaller by the schemas.
  const { secretsOf } = await import('../config/decode.ts');
  for (const text of metadata === undefined ? texts : [...texts, metadata]) {
    const parsed = parseJson(text);
    if ('problem' in parsed) continue;
    const { secrets, privateTexts, openTexts } = secretsOf({ value: parsed.value, text });
    for (const secret of secrets) redactor.addSecret(secret);
    redactor.addPrivateTexts(privateTexts, openTexts);
    redactor.addDocument(parsed.value, text);
  }
  // A part of a file, which may be a private one: its mode is not among what the hook looks at.
  if (path.keys.includes('files'))
    redactor.addPrivateTexts(seen.map((value) => ({ text: plainText(value) ?? '', isExecutable: false })));
  return redactor;
}
