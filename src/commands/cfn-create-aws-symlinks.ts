import type { Context } from '../context.ts';
import { ExitCode } from '../errors.ts';
import { paths } from '../paths.ts';
import { applyPathSetting } from '../settings.ts';
import { absolutePath } from '../system/absolute-path.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/**
 * cfn-create-aws-symlinks: heat's boothook runs it at every boot, so what is already right is left alone without a word.
 */
export async function run(args: ParsedArguments, { system, log }: Context): Promise<ExitCode> {
  const source = absolutePath(textOption(args, 'source') ?? paths.commands);
  const target = absolutePath(textOption(args, 'target') ?? paths.awsCommands);
  await applyPathSetting(system.files, log);
  const inTheWay: string[] = [];
  system.files.makeDirectory(target);
  const names = system.files.names(source).filter((name) => name.startsWith('cfn-'));
  for (const name of source === target ? [] : names) {
    const command = `${source}/${name}`;
    const link = `${target}/${name}`;
    const present = system.files.entry(link);
    if (present?.kind === 'symlink' && system.files.linkTarget(link) === command) continue;
    if (present !== undefined && !flagOption(args, 'force')) {
      inTheWay.push(link);
      continue;
    }
    system.files.writeLink(link, command);
  }
  if (inTheWay.length > 0) log.warning(`something else stands there: ${inTheWay.join(', ')}: use -f to replace it`);
  return ExitCode.done;
}
