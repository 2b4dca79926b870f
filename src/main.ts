import { run } from './run.ts';

const output = {
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(text),
};

void run(process.argv0, process.argv.slice(2), output).then((code) => {
  process.exitCode = code;
});
