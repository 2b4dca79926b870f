/**
 * Finds the command to run: the name that the binary was called by, in any directory or through any link, or else the first
 * argument (`cfntools cfn-init ...`).
 * @returns command: undefined when neither is a command
 */
export function dispatch(
  argv0: string,
  argv: readonly string[],
  known: ReadonlySet<string>,
): { readonly command: string | undefined; readonly args: readonly string[] } {
  const called = commandName(argv0);
  if (known.has(called)) return { command: called, args: argv };
  const [first, ...rest] = argv;
  const named = first === undefined ? undefined : commandName(first);
  return named !== undefined && known.has(named) ? { command: named, args: rest } : { command: undefined, args: argv };
}

function commandName(path: string): string {
  return (path.split('/').pop() ?? path).replace(/\.exe$/i, '');
}
