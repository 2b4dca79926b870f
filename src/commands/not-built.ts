import { ExitCode, Problem } from '../errors.ts';

/** Stands in for a command that a later version brings. */
export async function run(): Promise<ExitCode> {
  throw new Problem('this command is not built yet', {
    hint: 'a later version of cfntools brings it',
    exitCode: ExitCode.bug,
  });
}
