import type { Context } from '../context.ts';
import { ExitCode } from '../errors.ts';
import type { ParsedArguments } from './command.ts';

/** cfn-push-stats: does nothing, since Heat no longer has CloudWatch. Old crontabs call it every minute and must not fail. */
export async function run(_args: ParsedArguments, { log }: Context): Promise<ExitCode> {
  log.warning('Heat no longer has CloudWatch: nothing is sent: remove the call from the crontab');
  return ExitCode.done;
}
