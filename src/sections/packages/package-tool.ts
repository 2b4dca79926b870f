import { ExitCode, lastLine, Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';
import { readSettings, secondsSetting } from '../../settings.ts';
import { type LockHolder, lockHolderOf } from '../../system/file-locks.ts';
import type { Environment, ToolResult } from '../../system/programs/exec.ts';
import { descendantCommands } from '../../system/programs/processes.ts';
import { logPrinted } from '../printed.ts';
import type { World } from '../step.ts';

/** How a package tool says what is wrong; each function looks at what a failed call printed. */
export interface ToolSigns {
  /** Another program holds its lock. */
  readonly isLocked: (output: string) => boolean;
  /** Which program that is, if it says so: `process 123 (apt-get)`. */
  readonly lockHolder?: (output: string) => string | undefined;
  /** The name or URL of a repository that cannot be reached or is failing, so that another attempt may help. */
  readonly failingRepository: (output: string) => string | undefined;
}

export interface ToolCall {
  /** The manager as the metadata names it. */
  readonly manager: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Environment;
  readonly signs: ToolSigns;
}

/** Seconds to wait for another holder of the lock, unattended upgrades at boot above all. */
const LOCK_TIMEOUT = 300;
const LOCK_PAUSE = 2_000;
/** These do not catch SIGINT, and would end between two steps of their work. The others end in good order. */
const UNINTERRUPTIBLE_TOOLS: ReadonlySet<string> = new Set(['apk', 'dpkg']);
/** Milliseconds before each further attempt at a repository that fails. */
export const REPOSITORY_PAUSES: readonly number[] = [2_000, 8_000];

/** Seconds that a package tool's lock is waited for: `package-lock-timeout` in cfntools.conf, or 300. */
async function lockTimeout({ system, log }: Pick<World, 'system' | 'log'>): Promise<number> {
  return secondsSetting(await readSettings(system.files), 'package-lock-timeout', LOCK_TIMEOUT, log);
}

/**
 * Calls a package tool. Waits for its lock, and tries again when a repository fails.
 * @returns the last result; a non-zero exit is a result
 * @throws Problem with exit code 75 when the lock was not free in time (contract section 5)
 */
export async function callPackageTool(call: ToolCall, world: World): Promise<ToolResult> {
  const { system, log } = world;
  const [program] = call.command;
  const patience = await lockTimeout(world);
  const begin = system.clock.elapsed();
  let told: string | undefined;
  // What it says about the lock at each attempt is logged once.
  let logged: ReadonlySet<string> = new Set();
  let failures = 0;
  for (;;) {
    const printed = logPrinted(program, world);
    const result = await system.exec.tool(call.command, {
      onAbort: UNINTERRUPTIBLE_TOOLS.has(program) ? 'wait' : 'ask',
      ...(call.env === undefined ? {} : { env: call.env }),
      onLines: (lines, stream) =>
        printed.onLines(
          lines.filter((line) => !logged.has(line)),
          stream,
        ),
    });
    printed.end(result.output);
    if (result.exitCode === 0) return result;
    if (call.signs.isLocked(result.output)) {
      const holder = holderOf(call, result);
      if (system.clock.elapsed() - begin >= patience * 1000) throw lockProblem(program, holder, patience, call, result);
      const said = `${holder} holds the lock of ${program}`;
      if (said !== told) log.info(`${said}, waiting for it`);
      told = said;
      logged = new Set(result.output.split('\n'));
      world.onWait?.(`waiting for ${holder}, which holds the lock of ${program}`);
      await system.clock.sleep(LOCK_PAUSE);
      world.onWait?.(undefined);
      continue;
    }
    const pause = REPOSITORY_PAUSES[failures];
    const repository = call.signs.failingRepository(result.output);
    if (repository === undefined || pause === undefined) return result;
    failures++;
    log.info(`the repository ${repository} is failing, trying again in ${pause / 1000} s`);
    await system.clock.sleep(pause);
  }
}

/**
 * What to throw when a package tool failed.
 * @param hint what it says is wrong, with the package or the repository; its last line when left out
 */
export function packageToolProblem(
  { manager, command: [program] }: Pick<ToolCall, 'manager' | 'command'>,
  { exitCode, output }: ToolResult,
  hint = lastLine(output),
): Problem {
  return new Problem(`${program} ended with exit code ${exitCode}`, { where: `packages ${manager}`, hint, output });
}

/** What to throw when a manager that finds packages by name is not installed. */
export function notInstalled(manager: string): Problem {
  return new Problem(`${manager} is not installed`, {
    where: `packages ${manager}`,
    hint: 'list the packages under the manager that this distribution has',
  });
}

/** Who holds the lock: as the tool says, or else as the kernel does. */
function holderOf({ command: [program], signs }: ToolCall, { output }: ToolResult): string {
  return signs.lockHolder?.(output) ?? holderName(packageLockHolder([program])) ?? 'another program';
}

function lockProblem(
  program: string,
  holder: string,
  seconds: number,
  { manager }: ToolCall,
  { output }: ToolResult,
): Problem {
  return new Problem(`${holder} has held the lock of ${program} for ${seconds} seconds`, {
    where: `packages ${manager}`,
    hint: `wait for it, or set package-lock-timeout in ${paths.settings}`,
    output,
    exitCode: ExitCode.deadline,
  });
}

/** What the package tools lock, the lock that covers all of a run first. */
const LOCKS: readonly { readonly tools: RegExp; readonly files: readonly string[] }[] = [
  {
    tools: /^(?:apt|apt-get|aptitude|dpkg|gdebi|unattended-upgr.*)$/,
    files: [
      '/var/lib/dpkg/lock-frontend',
      '/var/lib/dpkg/lock',
      '/var/lib/apt/lists/lock',
      '/var/cache/apt/archives/lock',
    ],
  },
  {
    tools: /^(?:rpm|dnf.*|yum|microdnf|zypper)$/,
    files: [
      '/var/lib/rpm/.rpm.lock',
      '/usr/lib/sysimage/rpm/.rpm.lock',
      '/run/dnf/rpmtransaction.lock',
      '/var/lib/dnf/rpmdb_lock.pid',
      '/var/cache/dnf/metadata_lock.pid',
      '/var/cache/dnf/download_lock.pid',
      '/run/yum.pid',
      '/run/zypp.pid',
    ],
  },
  { tools: /^apk$/, files: ['/lib/apk/db/lock', '/usr/lib/apk/db/lock'] },
  { tools: /^pacman.*$/, files: ['/var/lib/pacman/db.lck'] },
];
const INTERPRETERS = /^(?:python[\d.]*|perl|env|sh|bash|dash)$/;

/**
 * Who holds the lock of a package tool.
 * @param programs names of tools
 * @returns undefined where none of them is a package tool, or nobody but us has its lock
 */
function packageLockHolder(programs: readonly string[]): LockHolder | undefined {
  for (const { tools, files } of LOCKS) {
    if (!programs.some((program) => tools.test(program))) continue;
    for (const file of files) {
      const holder = lockHolderOf(file);
      if (holder !== undefined) return holder;
    }
  }
  return undefined;
}

/** As packageLockHolder, for the package tools that we run right now, directly or by a command. */
export function awaitedLock(): string | undefined {
  const programs = descendantCommands(process.pid).flatMap((words) => {
    const names = words.slice(0, 2).map((word) => word.slice(word.lastIndexOf('/') + 1));
    return INTERPRETERS.test(names[0] ?? '') ? names : names.slice(0, 1);
  });
  const holder = packageLockHolder(programs);
  return holder === undefined ? undefined : `waiting for ${holderName(holder)}, which holds ${holder.path}`;
}

/** `process 123 (apt-get)`. */
function holderName(holder: LockHolder | undefined): string | undefined {
  return holder === undefined ? undefined : `process ${holder.pid} (${holder.name})`;
}
