import { type CommandSpec, flagOption, type ParsedArguments, textOption } from './commands/command.ts';
import { commands } from './commands/index.ts';
import { parseArguments } from './commands/parse-arguments.ts';
import { type Context, createContext, mustWrite, type Output } from './context.ts';
import { describeError, ExitCode, Problem, traceOf, usageProblem } from './errors.ts';
import { closeMetadata } from './metadata/boot-data-modes.ts';
import { dispatch } from './multicall.ts';
import { paths } from './paths.ts';
import { Redactor } from './redact.ts';
import { machineProblem } from './system/files/file-problem.ts';
import { absolutePath } from './system/files/path.ts';
import { type EndingSignal, Interrupted } from './system/signals.ts';
import { VERSION } from './version.ts';

/** Options whose values are secrets. */
const SECRET_OPTIONS = ['secretKey', 'token'];

/**
 * Runs the command that was called, and reports every error that is thrown.
 * @param redactor collects the secrets of the run
 * @returns the exit code of the process, or the signal that is to end it
 */
export async function run(
  argv0: string,
  argv: readonly string[],
  output: Output,
  redactor = new Redactor(),
): Promise<ExitCode | EndingSignal> {
  const { command, args } = dispatch(argv0, argv, new Set(commands.map(({ name }) => name)));
  const spec = commands.find(({ name }) => name === command);
  if (spec === undefined) return runBare(args, output, redactor);
  let context: Context | undefined;
  try {
    const parsed = parseArguments(spec, args, VERSION);
    if ('text' in parsed) {
      mustWrite(output, parsed.text);
      return ExitCode.done;
    }
    await checkProxies(parsed.arguments);
    context = contextFor(spec, parsed.arguments, output, redactor);
    closeMetadata(context.system, context.log);
    const { run: runCommand } = await spec.load();
    return await runCommand(parsed.arguments, context);
  } catch (error) {
    context ??= createContext({ command: spec.name, verbose: false, output, redactor });
    return reportFailure(spec, error, context);
  } finally {
    await context?.drain();
  }
}

function contextFor(
  { name, isQuiet }: CommandSpec,
  args: ParsedArguments,
  output: Output,
  redactor: Redactor,
): Context {
  for (const option of SECRET_OPTIONS) redactor.addSecret(textOption(args, option) ?? '');
  return createContext({
    command: name,
    verbose: flagOption(args, 'verbose'),
    isQuiet: isQuiet === true,
    output,
    root: rootOption(args),
    proxies: { http: textOption(args, 'httpProxy'), https: textOption(args, 'httpsProxy') },
    stack: textOption(args, 'stack'),
    resource: textOption(args, 'resource'),
    redactor,
  });
}

/** Checks the proxy options at once: a proxy may be used late, or never. @throws Problem with exit code 2 for an invalid one */
async function checkProxies(args: ParsedArguments): Promise<void> {
  for (const [name, option] of [
    ['httpProxy', '--http-proxy'],
    ['httpsProxy', '--https-proxy'],
  ] as const) {
    const text = textOption(args, name);
    if (text !== undefined) (await import('./system/http/proxy.ts')).parseProxy(text, option);
  }
}

function rootOption(args: ParsedArguments): string {
  const directory = textOption(args, 'root');
  if (directory === undefined) return '/';
  if (directory === '') throw usageProblem('--root is empty', 'give it a directory, or / for this machine');
  return absolutePath(directory);
}

/** The binary called by its own name, without a command. */
function runBare([first]: readonly string[], output: Output, redactor: Redactor): ExitCode {
  const write = (text: string): ExitCode => {
    try {
      mustWrite(output, text);
      return ExitCode.done;
    } catch (error) {
      output.stderr(`cfntools: ${describeError(error)}\n`);
      return ExitCode.failed;
    }
  };
  if (first === '--version') return write(`cfntools ${VERSION}\n`);
  const help = [
    'Usage: cfntools <command> [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(24)} ${summary}`),
    '',
    'See <command> --help. Each command can also be called through a link with its name.',
    '',
  ].join('\n');
  if (first === '--help' || first === '-h' || first === 'help') return write(help);
  output.stderr(
    first === undefined
      ? help
      : redactor.redact(`cfntools: unknown command ${JSON.stringify(first)}: see cfntools --help\n`),
  );
  return ExitCode.usage;
}

function reportFailure({ name }: CommandSpec, error: unknown, { log, printAlways }: Context): ExitCode | EndingSignal {
  if (error instanceof Interrupted) {
    log.info(error.message, { event: 'runEnded', exitCode: error.exitCode });
    return error.signal;
  }
  const fail = (line: string, exitCode: ExitCode): void => {
    log.error(line, { event: 'runEnded', exitCode });
    printAlways(line);
  };
  const problem = error instanceof Problem ? error : machineProblem(error);
  if (problem !== undefined) {
    fail(problem.line, problem.exitCode);
    if (problem !== error) log.trace(traceOf(error));
    return problem.exitCode;
  }
  fail(
    `a bug in cfntools: ${describeError(error)}: please report it with ${paths.logDirectory}/${name}.log`,
    ExitCode.bug,
  );
  log.trace(traceOf(error));
  return ExitCode.bug;
}
