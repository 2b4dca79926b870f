import { writeSync } from 'node:fs';
import { describeError, ExitCode, errnoOf } from './errors.ts';
import { Redactor } from './redact.ts';
import { run } from './run.ts';
import { machineProblem } from './system/files/file-problem.ts';
import { endBySignal, endProcess } from './system/signals.ts';

const STDOUT = 1;
const STDERR = 2;
/** Milliseconds between two looks at a reader that is slow. */
const PAUSE = 10;

/**
 * Writes all of a text at once; making process.stdout would cost each start 2 ms of CPU. What cannot be written (the
 * reader has gone away, as in `cfn-init | head`) must not end a run half way; whoever prints a result looks at what this returns.
 * @returns a function that returns whether all of its text was written
 */
function writer(fd: number): (text: string) => boolean {
  return (text) => {
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        // A pipe that somebody made non-blocking, and that is full.
        if (errnoOf(error) !== 'EAGAIN') return false;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      }
    }
    return true;
  };
}

const redactor = new Redactor();
const output = { stdout: writer(STDOUT), stderr: writer(STDERR) };

// For what no promise carries to run(): an error event that nobody listens to.
process.on('uncaughtException', (error) => {
  const problem = machineProblem(error);
  const line = problem?.line ?? `a bug in cfntools: ${describeError(error)}: please report it`;
  output.stderr(redactor.redact(`cfntools: ${line}\n`));
  endProcess(problem?.exitCode ?? ExitCode.bug);
});

let hasEnded = false;

// Nothing is left to wait for. Whatever the cause, a command that is not done must not look as if it were.
process.once('beforeExit', () => {
  if (hasEnded) return;
  output.stderr('cfntools: a bug in cfntools: the command never finished: please report it\n');
  endProcess(ExitCode.bug);
});

void run(process.argv0, process.argv.slice(2), output, redactor).then((end) => {
  hasEnded = true;
  // Not by the loop's own end: Node would take its heap to pieces, which costs 2 ms, and wait for lookups that were given
  // up. In the next turn, so that what is under way in this one gets done.
  setImmediate(() => (typeof end === 'string' ? endBySignal(end) : endProcess(end)));
});
