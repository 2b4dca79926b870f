import { type Context, readGivenSecret } from '../context.ts';
import { ExitCode, Problem } from '../errors.ts';
import type { HupConfig } from '../hup/hup-config.ts';
import type { PassTools } from '../hup/pass.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { MOST_CREDENTIAL_BYTES } from './metadata-options.ts';

/**
 * cfn-hup: follows metadata and runs hooks (contract section 2). `-f` makes one pass; `--daemon` is the loop; without either
 * it makes a pass and sees to it that changes are followed from now on.
 */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const { system, log, redactor } = context;
  const option = textOption(args, 'config');
  if (flagOption(args, 'check')) {
    const { checkConfig } = await import('../hup/check.ts');
    const { lines, exitCode } = await checkConfig(system, option);
    for (const line of lines) context.print(line);
    return exitCode;
  }
  if (system.self.uid !== 0)
    throw new Problem('only root can follow metadata', {
      hint: 'run cfn-hup as root; hooks name another user by runas',
    });
  const { readHupConfig } = await import('../hup/config-files.ts');
  const loadConfig = (): HupConfig => {
    const config = readHupConfig(system, option);
    context.setVerbose(config.settings.verbose);
    return config;
  };
  if (flagOption(args, 'status')) {
    const { statusLines } = await import('../hup/status.ts');
    for (const line of statusLines(loadConfig(), system)) context.print(line);
    return ExitCode.done;
  }
  const tools: PassTools = {
    system,
    log,
    redactor,
    readSecretFile: (path) => readGivenSecret(path, MOST_CREDENTIAL_BYTES),
  };
  const { prepareStateDirectory } = await import('../hup/state-store.ts');
  if (args.options['daemon'] === true) {
    const { runDaemon } = await import('../hup/daemon.ts');
    prepareStateDirectory(system);
    return runDaemon(loadConfig, tools);
  }
  const config = loadConfig();
  prepareStateDirectory(system);
  const { makeSinglePass } = await import('../hup/single-pass.ts');
  const exitCode = await makeSinglePass(config, tools, context);
  if (args.options['daemon'] === false) return exitCode;
  const { followFromNowOn } = await import('../hup/follow.ts');
  await followFromNowOn(tools, option);
  return exitCode;
}
