/** Run by scripts/bench-heat: `bench-heat.ts DIRECTORY SECONDS`, with the directory of a heat that heat-up has started. */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { describeError } from '../../src/errors.ts';
import { describeStackResource, type KnownAnswer, type QueryAccess } from '../../src/heat/describe.ts';
import { BY_OPTIONS } from '../../src/heat/named-by.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createHttp } from '../../src/system/http/door.ts';
import { Cloud } from '../../test/heat/cloud.ts';
import type { RigAddresses } from '../../test/heat/rig.ts';
import { guestTemplate } from '../../test/heat/templates.ts';

const GUESTS = [1, 4, 16];
const METADATA_BYTES = 8000;
/** Seconds of warm-up that are not counted, in which servers load what they load late. */
const WARM_UP = 3;
const TICKS_PER_SECOND = 100;
const INTERVALS = [1, 5];
const LOAD = 0.5;

const [directory = '', seconds = '20'] = process.argv.slice(2);
const lines = readFileSync(join(directory, 'processes'), 'utf8').trim().split('\n');
const groups = new Map(lines.map((line) => line.split(' ') as [string, string]));
const addresses = JSON.parse(readFileSync(join(directory, 'heat.json'), 'utf8')) as RigAddresses;
const http = createHttp({}, {}, async () => ({}));

/** CPU seconds of each process group since its start, and of the machine. */
interface CpuTimes {
  readonly heat: number;
  readonly keystone: number;
  readonly ours: number;
  readonly machine: number;
}

interface Measure {
  readonly guests: number;
  readonly rate: number;
  /** Milliseconds. */
  readonly median: number;
  readonly late: number;
  readonly errors: readonly string[];
  /** CPU seconds per second. */
  readonly cpu: CpuTimes;
}

const { access, stack } = await makeGuest();
await load(1, WARM_UP);
const measures: Measure[] = [];
for (const guests of GUESTS) measures.push(await load(guests, Number(seconds)));
report(measures);

async function makeGuest(): Promise<{ access: QueryAccess; stack: string }> {
  const cloud = await Cloud.connect(addresses);
  const { name, outputs } = await cloud.createUpToWaiting(guestTemplate({ text: 'x'.repeat(METADATA_BYTES) }));
  const credentials = { accessKey: String(outputs['access']), secretKey: String(outputs['secret']) };
  const endpoint = {
    url: addresses.cfn,
    from: 'heat-up',
    region: 'heat',
    validatesCertificates: true,
    caFile: undefined,
    proxy: undefined,
    timeout: 30_000,
    attempts: 1,
    longestDelay: 0,
  };
  return {
    access: { kind: 'query', endpoint, credentials, signature: 'v4', transport: {}, namedBy: BY_OPTIONS },
    stack: name,
  };
}

/** Runs so many guests; each asks again as soon as it has an answer. */
async function load(guests: number, duration: number): Promise<Measure> {
  const times: number[] = [];
  const errors: string[] = [];
  const [began, before] = [performance.now(), cpuTimes()];
  const end = began + duration * 1000;
  const guest = async (): Promise<void> => {
    let known: KnownAnswer | undefined;
    while (performance.now() < end) {
      const asked = performance.now();
      try {
        const note = (): void => undefined;
        known = await describeStackResource(access, stack, 'server', { http, clock: systemClock, note, known });
        if (known.resource.metadata.text.length < METADATA_BYTES) throw new Error('not the metadata');
        times.push(performance.now() - asked);
      } catch (error) {
        errors.push(describeError(error));
      }
    }
  };
  await Promise.all(Array.from({ length: guests }, guest));
  const [elapsed, after] = [(performance.now() - began) / 1000, cpuTimes()];
  times.sort((a, b) => a - b);
  const quantile = (part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN;
  const per = (name: keyof CpuTimes): number => (after[name] - before[name]) / elapsed;
  const cpu = { heat: per('heat'), keystone: per('keystone'), ours: per('ours'), machine: per('machine') };
  return { guests, rate: times.length / elapsed, median: quantile(0.5), late: quantile(0.95), errors, cpu };
}

function cpuTimes(): CpuTimes {
  const { user, system } = process.cpuUsage();
  // All CPU time of the machine except idle, iowait and the time of virtual machines, which is counted twice (proc(5)).
  const machine = (/^cpu +(.*)/.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
  const busy = [0, 1, 2, 5, 6].reduce((sum, field) => sum + (machine[field] ?? 0), 0);
  return {
    heat: ofGroup(groups.get('heat')),
    keystone: ofGroup(groups.get('keystone')),
    ours: (user + system) / 1e6,
    machine: busy / TICKS_PER_SECOND,
  };
}

function ofGroup(group: string | undefined): number {
  let ticks = 0;
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // proc(5): after the name in parentheses come state, ppid, pgrp, ..., utime and stime.
    const fields = /\) (.*)/.exec(readStat(id))?.[1]?.split(' ') ?? [];
    if (fields[2] === group) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

function readStat(id: string): string {
  try {
    return readFileSync(`/proc/${id}/stat`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

function report(all: readonly Measure[]): void {
  const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores, ${release()}, ${new Date().toISOString().slice(0, 10)}\n`,
  );
  console.log(
    '| guests that ask at once | requests/s | median | 95th percentile | errors | CPU of heat | of keystone | of the guests | of others |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const { guests, rate, median, late, errors, cpu } of all) {
    const others = Math.max(0, cpu.machine - cpu.heat - cpu.keystone - cpu.ours);
    const shares = [cpu.heat, cpu.keystone, cpu.ours, others].map(percent);
    const cells = [
      guests,
      rate.toFixed(1),
      `${median.toFixed(0)} ms`,
      `${late.toFixed(0)} ms`,
      errors.length,
      ...shares,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  for (const line of new Set(all.flatMap(({ errors }) => errors))) console.log(`\nerror: ${line}`);
  const best = all.reduce((one, other) => (other.rate > one.rate ? other : one));
  if (best.rate === 0) throw new Error('no request was answered');
  const cost = (name: 'heat' | 'keystone'): number => best.cpu[name] / best.rate;
  const each = (part: number): string => `${(part * 1000).toFixed(0)} ms`;
  // On dedicated machines, the CPU time of other processes and of the guests would be available to the servers.
  const capacity = availableParallelism() / (cost('heat') + cost('keystone'));
  console.log(`\nCPU of a request: ${each(cost('heat'))} of heat, ${each(cost('keystone'))} of keystone`);
  console.log(`requests/s if all ${availableParallelism()} cores were theirs: ${capacity.toFixed(1)}`);
  for (const minutes of INTERVALS) {
    const guests = Math.floor(capacity * minutes * 60 * LOAD);
    console.log(`guests at one poll in ${minutes} min and ${percent(LOAD)} load: ${guests}`);
  }
}
