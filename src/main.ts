import { writeSync } from 'node:fs';
import { describeError, ExitCode, errnoOf } from './errors.ts';
import { Redactor } from './redact.ts';
import { run } from './run.ts';
import { machineProblem } from './system/files/file-problem.ts';
import { endBySignal, endProcess } from './system/signals.ts';

const STDOUT = 1;
const STDERR = 2;
/** Milliseconds between two attempts to write to a slow reader. */
const PAUSE = 10;

/**
 * Makes a function that writes a text synchronously. process.stdout would cost each start 2 ms of CPU. A failed write must not
 * end a run half way, for example when the reader has gone away (`cfn-init | head`). The caller that prints a result checks
 * the return value.
 * @returns a function that returns whether all of its text was written
 */
function writer(fd: number): (text: string) => boolean {
  return (text) => {
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        // Somebody has made the pipe non-blocking, and it is full.
        if (errnoOf(error) !== 'EAGAIN') return false;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      }
    }
    return true;
  };
}

const redactor = new Redactor();
const output = { stdout: writer(STDOUT), stderr: writer(STDERR) };

// For errors outside the promise of run(), such as an error event without a listener.
process.on('uncaughtException', (error) => {
  const problem = machineProblem(error);
  const line = problem?.line ?? `a bug in cfntools: ${describeError(error)}: please report it`;
  output.stderr(redactor.redact(`cfntools: ${line}\n`));
  endProcess(problem?.exitCode ?? ExitCode.bug);
});

let hasEnded = false;

// Nothing is left to wait for, but the command has not finished. This must not look like a success.
process.once('beforeExit', () => {
  if (hasEnded) return;
  output.stderr('cfntools: a bug in cfntools: the command never finished: please report it\n');
  endProcess(ExitCode.bug);
});

void run(process.argv0, process.argv.slice(2), output, redactor).then((end) => {
  hasEnded = true;
  // Do not wait for the end of the event loop: Node would free its heap, which costs 2 ms, and wait for abandoned lookups.
  // Exit in the next turn, so that pending work of this turn gets done.
  setImmediate(() => (typeof end === 'string' ? endBySignal(end) : endProcess(end)));
});
