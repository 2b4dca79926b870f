import { spawn } from 'node:child_process';

export interface Ended {
  /** 128 + the number of the signal would be hidden in a number: a killed process has its signal here, and code -1. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; the test's own when left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** Milliseconds, then the process is killed and the promise rejected. */
  readonly timeout?: number;
  /** Hears of the process id as soon as there is one. */
  readonly onStart?: (pid: number) => void;
  /** Called each time it has written to stderr. */
  readonly onStderr?: () => void;
}

const TIMEOUT = 60_000;

/** Runs a program to its end. Every exit code is a result. @throws Error when it cannot start or is too slow */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [file = '', ...args] = command;
  const begin = performance.now();
  const timeout = options.timeout ?? TIMEOUT;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } as NodeJS.ProcessEnv }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const said = (): string => `${Buffer.concat(stdout)}${Buffer.concat(stderr)}`.slice(-2000);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`still running after ${timeout} ms: ${command.join(' ').slice(0, 300)}\n${said()}`));
    }, timeout);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      options.onStderr?.();
    });
    child.stdin.on('error', () => {}); // it need not read all of its input
    child.stdin.end(options.input ?? '');
    child.on('spawn', () => options.onStart?.(child.pid as number));
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: code ?? -1,
        signal,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        milliseconds: performance.now() - begin,
      });
    });
  });
}
