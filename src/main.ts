import { describeError, ExitCode } from './errors.ts';
import { run } from './run.ts';

/** A reader that has gone away (`cfn-init | head`) must not end a run half way. */
function writer(stream: () => NodeJS.WriteStream): (text: string) => void {
  let isGuarded = false;
  return (text) => {
    if (!isGuarded) stream().on('error', () => {});
    isGuarded = true;
    stream().write(text);
  };
}

const output = { stdout: writer(() => process.stdout), stderr: writer(() => process.stderr) };

// For what no promise carries to run(): an error event that nobody listens to.
process.on('uncaughtException', (error) => {
  output.stderr(`cfntools: a bug in cfntools: ${describeError(error)}: please report it\n`);
  process.exit(ExitCode.bug);
});

void run(process.argv0, process.argv.slice(2), output).then((code) => {
  process.exitCode = code;
});
