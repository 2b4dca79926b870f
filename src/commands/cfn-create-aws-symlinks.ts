import type { Context } from '../context.ts';
import { ExitCode } from '../errors.ts';
import { paths } from '../paths.ts';
import { applyPathSetting } from '../settings.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/**
 * cfn-create-aws-symlinks: heat's boothook runs it at every boot, so it says nothing about links that are right already.
 * Targets are compared by device and inode: either directory may lead to the other, by links or a bind mount, and a command
 * would become a link to itself.
 */
export async function run(args: ParsedArguments, { system, log }: Context): Promise<ExitCode> {
  const { files, absolutePath } = system;
  const source = absolutePath(textOption(args, 'source') ?? paths.commands);
  const target = absolutePath(textOption(args, 'target') ?? paths.awsCommands);
  await applyPathSetting(files, log);
  const names = files.names(source).filter((name) => name.startsWith('cfn-'));
  files.makeDirectory(target);
  const isSame = files.identity(source) === files.identity(target);
  const inTheWay: string[] = [];
  const broken: string[] = [];
  for (const name of isSame ? [] : names) {
    const command = `${source}/${name}`;
    const link = `${target}/${name}`;
    const program = files.identity(command);
    if (program === undefined) broken.push(command);
    else if (program === files.identity(link)) continue;
    else if (files.entry(link) === undefined || flagOption(args, 'force')) files.writeLink(link, command);
    else inTheWay.push(link);
  }
  if (broken.length > 0) log.warning(`not linked, since it leads nowhere: ${broken.join(', ')}: install it again`);
  if (inTheWay.length > 0) log.warning(`already exists: ${inTheWay.join(', ')}: use -f to replace it`);
  return ExitCode.done;
}
