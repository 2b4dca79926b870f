/** Run by scripts/bench-fleet. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { INTERVAL, type Kind, mean, peak, type Story, simulate } from '../../test/bench/fleet.ts';
import { binaryDirectory, project } from '../../test/support/binary.ts';
import { plot } from './fleet-plot.ts';

const GUESTS = 10_000;
const EVEN = GUESTS / (INTERVAL / 1000);
const [DOWN, UP, END] = [1200, 1800, 4200];
const STORY: Story = { guests: GUESTS, length: END * 1000, outage: [DOWN * 1000, UP * 1000] };
const TITLES: Record<Kind, string> = {
  'cfn-hup': 'cfn-hup --daemon, interval 1 minute',
  sleep: 'a pass, then a sleep of one minute (aws-cfn-bootstrap)',
  cron: '* * * * * cfn-hup -f (heat-cfntools)',
};
const kinds = Object.keys(TITLES) as Kind[];

const told = kinds.map((kind) => ({ kind, seconds: simulate(kind, STORY) }));
console.log(`${GUESTS} guests that came up within 30 s, ${EVEN.toFixed(0)} requests a second when evenly spread;`);
console.log('the worst second, as a multiple of that\n');
console.log('| | 15 minutes of calm | 10 minutes of outage | first minute after | 40 minutes after |');
console.log('|---|---|---|---|---|');
for (const { kind, seconds } of told) {
  const times = [peak(seconds, 300, DOWN), peak(seconds, DOWN, UP), peak(seconds, UP, UP + 60), peak(seconds, UP, END)];
  console.log(`| ${TITLES[kind]} | ${times.map((count) => (count / EVEN).toFixed(2)).join(' | ')} |`);
}
const ours = told.find(({ kind }) => kind === 'cfn-hup')?.seconds ?? new Uint32Array();
const back = Array.from({ length: END - UP - 60 }, (_, at) => UP + at).find(
  (at) => mean(ours, at, at + 60) > 0.95 * EVEN,
);
console.log(
  `\ncfn-hup: ${(mean(ours, DOWN + 300, UP) / EVEN).toFixed(2)} of the usual requests in the second half of the outage,`,
);
console.log(`back at 0.95 of them ${(((back ?? END) - UP) / 60).toFixed(1)} minutes after it`);
const changed = simulate('cfn-hup', { guests: GUESTS, length: 1800_000, change: 900_000 });
console.log(`when all metadata changes at once: ${(peak(changed, 900, 1200) / EVEN).toFixed(2)} for three minutes\n`);

const svg = join(project, 'docs/guides/fleet.svg');
const panels = told.map(({ kind, seconds }) => ({ title: TITLES[kind], seconds }));
writeFileSync(svg, plot(panels, { from: DOWN - 600, to: UP + 900, down: [DOWN, UP] }));

if (process.geteuid?.() === 0 && existsSync(join(binaryDirectory, 'cfn-hup'))) await measure();

/** What a poll costs, in a view of this machine. */
async function measure(): Promise<void> {
  const { openSandbox } = await import('../../test/support/sandbox.ts');
  const { prepareHupGuest } = await import('../../test/support/cfn-hup.ts');
  const { measurePolls } = await import('../../test/support/measure-polls.ts');
  const machine = await openSandbox();
  try {
    const guest = await prepareHupGuest(machine);
    const metadata = { version: 0, text: 'x'.repeat(8000) };
    await guest.tell(metadata);
    await guest.publish(metadata);
    await guest.configure({ interval: '24h' }, 'true');
    const timed = await machine.run('TIMEFORMAT="%U %S"; cfn-hup -f; time for i in {1..20}; do cfn-hup -f; done');
    const [user = 0, system = 0] = timed.stderr.trim().split(' ').map(Number);
    await guest.heat.close();
    const { at, request, answer } = await measurePolls(machine, [100, 600]);
    const [early, late, rest] = at;
    if (early === undefined || late === undefined || rest === undefined) throw new Error('not measured');
    const cpu = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
    console.log(`${cpu}, ${release()}, ${new Date().toISOString().slice(0, 10)}, metadata of 8 kB\n`);
    console.log('| | |\n|---|---|');
    console.log(`| request, with headers | ${request} bytes |`);
    console.log(`| answer, with headers | ${answer} bytes |`);
    console.log(
      `| CPU of a \`cfn-hup -f\` that finds nothing new | ${(((user + system) * 1000) / 20).toFixed(0)} ms |`,
    );
    console.log(
      `| CPU of a poll of the daemon | ${((late.cpu - early.cpu) / (late.polls - early.polls)).toFixed(1)} ms |`,
    );
    console.log(`| private memory of the daemon, at rest | ${rest.privateDirty.toFixed(1)} MiB |`);
    console.log(
      `| resident memory, with the pages of the executable that are mapped | ${rest.resident.toFixed(0)} MiB |`,
    );
  } finally {
    await machine.close();
  }
}
