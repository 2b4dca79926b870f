import { peak } from '../../test/bench/fleet.ts';

/** One curve, in its own panel. */
export interface Panel {
  readonly title: string;
  /** Requests in each second. */
  readonly seconds: Uint32Array;
}

export interface PlotOptions {
  /** Seconds that are shown. */
  readonly from: number;
  readonly to: number;
  /** Seconds that are shaded. */
  readonly down: readonly [from: number, to: number];
}

const WIDTH = 800;
const PANEL = 150;
const LEFT = 70;
const TOP = 34;
const GAP = 44;
const BOTTOM = 40;
/** The scale goes from 1 to 10,000 requests a second. */
const DECADES = 4;
/** Each point is the maximum of so many seconds. */
const STEP = 5;
/** Readable on a light and on a dark background. */
const GREY = '#808890';
const BLUE = '#3b82c4';

/** Requests per second over time, one panel below the other, on one logarithmic scale. */
export function plot(panels: readonly Panel[], { from, to, down }: PlotOptions): string {
  const x = (second: number): number => LEFT + ((second - from) / (to - from)) * (WIDTH - LEFT - 20);
  const height = TOP + panels.length * (PANEL + GAP) + BOTTOM - GAP;
  const parts = panels.map(({ title, seconds }, index) => {
    const top = TOP + index * (PANEL + GAP);
    const y = (count: number): number => top + PANEL * (1 - Math.log10(Math.max(1, count)) / DECADES);
    const points: string[] = [];
    for (let second = from; second < to; second += STEP)
      points.push(`${x(second).toFixed(1)},${y(peak(seconds, second, second + STEP)).toFixed(1)}`);
    const lines = Array.from({ length: DECADES + 1 }, (_, decade) => {
      const at = y(10 ** decade).toFixed(1);
      const label = (10 ** decade).toLocaleString('en');
      return `<path d="M${LEFT} ${at}H${WIDTH - 20}" stroke="${GREY}" stroke-opacity=".3"/><text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${label}</text>`;
    });
    const shade = `<rect x="${x(down[0])}" y="${top}" width="${x(down[1]) - x(down[0])}" height="${PANEL}" fill="${GREY}" fill-opacity=".15"/>`;
    const curve = `<polyline points="${points.join(' ')}" fill="none" stroke="${BLUE}" stroke-width="1.2"/>`;
    return `${shade}${lines.join('')}<text x="${LEFT}" y="${top - 8}" font-weight="bold">${title}</text>${curve}`;
  });
  const ticks: string[] = [];
  for (let second = from; second <= to; second += 300)
    ticks.push(`<text x="${x(second)}" y="${height - 22}" text-anchor="middle">${(second - down[0]) / 60}</text>`);
  const caption = `<text x="${x((from + to) / 2)}" y="${height - 5}" text-anchor="middle">minutes; the server is down where it is shaded</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="${GREY}">${parts.join('\n')}\n${ticks.join('')}${caption}</svg>\n`;
}
