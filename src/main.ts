import { writeSync } from 'node:fs';
import { describeError, ExitCode, errnoOf } from './errors.ts';
import { run } from './run.ts';

const STDOUT = 1;
const STDERR = 2;
/** Milliseconds between two looks at a reader that is slow. */
const PAUSE = 10;

/**
 * Writes all of a text at once; making process.stdout would cost each start 2 ms of CPU. What cannot be written (the
 * reader has gone away, as in `cfn-init | head`) must not end a run half way.
 */
function writer(fd: number): (text: string) => void {
  return (text) => {
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        // A pipe that somebody made non-blocking, and that is full.
        if (errnoOf(error) !== 'EAGAIN') return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      }
    }
  };
}

const output = { stdout: writer(STDOUT), stderr: writer(STDERR) };

// For what no promise carries to run(): an error event that nobody listens to.
process.on('uncaughtException', (error) => {
  output.stderr(`cfntools: a bug in cfntools: ${describeError(error)}: please report it\n`);
  process.exit(ExitCode.bug);
});

// When all is done: Node would now take its heap to pieces, which costs 2 ms.
process.once('beforeExit', () => process.exit());

void run(process.argv0, process.argv.slice(2), output).then((code) => {
  process.exitCode = code;
});
