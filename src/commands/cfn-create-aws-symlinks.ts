import type { Context } from '../context.ts';
import { ExitCode } from '../errors.ts';
import { paths } from '../paths.ts';
import { applyPathSetting } from '../settings.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';

/**
 * cfn-create-aws-symlinks: links the commands. heat's boothook runs it at every boot, so it prints nothing about correct links.
 * It compares files by device and inode: through links or a bind mount both directories may be the same, and a command must
 * not become a link to itself.
 */
export async function run(args: ParsedArguments, { system, log }: Context): Promise<ExitCode> {
  const { files, absolutePath } = system;
  const source = absolutePath(textOption(args, 'source') ?? paths.commands);
  const target = absolutePath(textOption(args, 'target') ?? paths.awsCommands);
  await applyPathSetting(files, log);
  const names = files.names(source).filter((name) => name.startsWith('cfn-'));
  files.makeDirectory(target);
  const isSame = files.identity(source) === files.identity(target);
  const existing: string[] = [];
  const broken: string[] = [];
  for (const name of isSame ? [] : names) {
    const command = `${source}/${name}`;
    const link = `${target}/${name}`;
    const program = files.identity(command);
    if (program === undefined) broken.push(command);
    else if (program === files.identity(link)) continue;
    else if (files.entry(link) === undefined || flagOption(args, 'force')) files.writeLink(link, command);
    else existing.push(link);
  }
  if (broken.length > 0) log.warning(`not linked, since it is a broken link: ${broken.join(', ')}: install it again`);
  if (existing.length > 0) log.warning(`already exists: ${existing.join(', ')}: use -f to replace it`);
  return ExitCode.done;
}
