/**
 * Run in a view by measurePolls: `hup-polls.ts COMMAND ANSWER POLLS...`. Starts a cfn-hup --daemon against a heat on port
 * 8000 that always gives the answer in the file, has it poll by SIGHUP, the next time when the last answer is gone, and
 * prints as JSON what it takes after so many POLLS, and what it does when it is left alone after that.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DaemonMeasure {
  readonly polls: number;
  /** MiB. */
  readonly resident: number;
  readonly privateDirty: number;
  /** CPU milliseconds since the start, user and system. */
  readonly cpu: number;
}

export interface DaemonMeasures {
  /** After each of the numbers of polls, and when it is left alone in the end. */
  readonly at: readonly DaemonMeasure[];
  /** Seconds that it was left alone in the end, and how often any of its threads was woken in them. */
  readonly alone: number;
  readonly wakeUps: number;
  /** Bytes of a request and of its answer, with their headers. */
  readonly request: number;
  readonly answer: number;
}

/** Milliseconds between an answer and the next poll. */
const BREATH = 4;
/** Milliseconds between an answer and a look at the daemon: half of the second that polls are apart which this stands for. */
const HALF = 500;
/** V8 cleans up once more 8 s after the last poll, and then never. */
const SETTLE = 12_000;
const ALONE = 10;
const TICKS_PER_SECOND = 100;

const [command = '', answer = '', ...stops] = process.argv.slice(2);
const body = readFileSync(answer);
const most = Math.max(...stops.map(Number));
const traffic = { request: 0, answer: 0 };
let polls = 0;
let wake: () => void = () => {};

const server = createServer((message, response) => {
  const { socket } = message;
  response.on('close', () => {
    traffic.request = socket.bytesRead;
    traffic.answer = socket.bytesWritten;
    polls++;
    wake();
  });
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length, Connection: 'close' });
  response.end(body);
}).listen(8000, '127.0.0.1');
await once(server, 'listening');

// As its unit starts it.
const daemon = spawn(command, ['--daemon'], { stdio: 'inherit', env: { ...process.env, MALLOC_ARENA_MAX: '1' } });
const pid = daemon.pid as number;
daemon.on('exit', (code) => {
  if (polls < most) throw new Error(`the daemon ended with ${code}`);
});
const number = (file: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(file)?.[1]);

function measure(): DaemonMeasure {
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  const [user, system] = fields.split(' ').slice(11, 13).map(Number);
  return {
    polls,
    resident: number(memory, 'Rss') / 1024,
    privateDirty: number(memory, 'Private_Dirty') / 1024,
    cpu: (((user ?? 0) + (system ?? 0)) * 1000) / TICKS_PER_SECOND,
  };
}

/** A thread that waits and is woken switches of its own will when it waits again. */
function switches(): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => number(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'), 'voluntary_ctxt_switches'))
    .reduce((sum, count) => sum + count, 0);
}

const at: DaemonMeasure[] = [];
for (let done = 0; done < most; done = polls) {
  if (polls === done)
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  await sleep(BREATH);
  if (stops.includes(String(polls))) {
    await sleep(HALF);
    at.push(measure());
  }
  if (polls < most) daemon.kill('SIGHUP');
}
await sleep(SETTLE);
at.push(measure());
const before = switches();
await sleep(ALONE * 1000);
const wakeUps = switches() - before;
console.log(JSON.stringify({ at, alone: ALONE, wakeUps, ...traffic } satisfies DaemonMeasures));
daemon.kill('SIGTERM');
server.close();
