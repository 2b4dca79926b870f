import type { Context } from '../context.ts';
import { ExitCode, Problem } from '../errors.ts';
import type { PassTools } from '../hup/pass.ts';
import type { HupConfig } from '../hup/settings.ts';
import type { PassEnd } from '../hup/single-pass.ts';
import type { Request, Start } from '../hup/start.ts';
import { paths } from '../paths.ts';
import { type GivenSecret, readGivenSecret } from '../system/files/given-file.ts';
import type { System } from '../system/system.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { MOST_CREDENTIAL_BYTES } from './metadata-options.ts';

/**
 * cfn-hup: follows metadata and runs hooks (contract section 2). `-f` makes one pass; `--daemon` runs the loop. Without
 * either, it runs the loop if a supervisor started it. Otherwise it makes a pass, and makes sure that changes are followed
 * from now on.
 */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { system, log, redactor } = context;
  const option = textOption(args, 'config');
  if (flagOption(args, 'check')) {
    const { checkConfig } = await import('../hup/check.ts');
    const { lines, exitCode } = await checkConfig(system, option);
    context.writeLines(lines);
    return exitCode;
  }
  if (system.self.uid !== 0)
    throw flagOption(args, 'status')
      ? new Problem('only root can read the state of hooks', { hint: 'run cfn-hup --status as root' })
      : new Problem('only root can follow metadata', {
          hint: 'run cfn-hup as root; a hook with runas= runs as another user',
        });
  const { readHupConfig } = await import('../hup/config-files.ts');
  const loadConfig = (): HupConfig => {
    const config = readHupConfig(system, option);
    context.setVerbose(config.settings.verbose);
    return config;
  };
  if (flagOption(args, 'status')) {
    const { statusOf } = await import('../hup/status.ts');
    const { lines, exitCode, problem } = await statusOf(loadConfig, system, option);
    context.writeLines(lines);
    if (problem !== undefined) throw problem;
    return exitCode;
  }
  const tools: PassTools = {
    system,
    log,
    redactor,
    readSecretFile: (path) => readCredentialFile(path, system),
  };
  const { prepareStateDirectory } = await import('../hup/state-files.ts');
  const begin = await startOf(requestOf(args), system);
  const config = begin.start === 'loop' ? undefined : loadConfig();
  prepareStateDirectory(system);
  if (config === undefined) {
    const { daemonParts, runDaemon } = await import('../hup/daemon.ts');
    return runDaemon(loadConfig, tools, daemonParts(system, option, context.leave));
  }
  const { start, pidFile } = begin;
  if (start === 'detach') {
    const { detachLoop } = await import('../hup/follow.ts');
    await detachLoop(tools, option, pidFile);
    return ExitCode.done;
  }
  const { makeSinglePass } = await import('../hup/single-pass.ts');
  const end = await makeSinglePass(config, tools, option, context);
  if (start === 'pass' || start === 'loop' || end === 'stopped') return exitCodeOf(end);
  const { followFromNowOn } = await import('../hup/follow.ts');
  const isFollowed = await followFromNowOn(tools, option, start);
  // The process that follows changes tries again what has failed in this pass.
  return isFollowed && end === 'failed' ? ExitCode.done : exitCodeOf(end);
}

/** @throws Problem whose hint names credential-file= in cfn-hup.conf */
async function readCredentialFile(path: string, system: System): Promise<GivenSecret> {
  try {
    return await readGivenSecret(system, path, MOST_CREDENTIAL_BYTES);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { message, where = path, hint = '', output = '', exitCode, cause } = error;
    const next = 'correct it, or change credential-file= in cfn-hup.conf';
    throw new Problem(message, { where, hint: hint === '' ? next : `${hint}: ${next}`, output, exitCode, cause });
  }
}

function exitCodeOf(end: PassEnd): ExitCode {
  return end === 'done' ? ExitCode.done : ExitCode.failed;
}

function requestOf(args: ParsedArguments): Request {
  if (flagOption(args, 'once')) return 'pass';
  const daemon = args.options['daemon'];
  return daemon === true ? 'loop' : daemon === false ? 'foreground' : 'bare';
}

interface Beginning {
  readonly start: Start;
  readonly pidFile: string;
}

async function startOf(request: Request, system: System): Promise<Beginning> {
  // cron calls -f each minute, and the caller does not matter then.
  if (request === 'pass' || request === 'loop') return { start: request, pidFile: '' };
  const { planStart, inspectStart } = await import('../hup/start.ts');
  const context = await inspectStart(system, process.pid, system.environment['SYSTEMD_EXEC_PID']);
  const isFollowed = system.locks.holderOf(paths.hupDaemonLock) !== undefined;
  return { start: planStart(request, context, isFollowed), pidFile: context.unit?.pidFile ?? '' };
}
