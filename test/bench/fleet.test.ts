import { describe, expect, it } from 'vitest';
import { INTERVAL, mean, peak, type Story, simulate } from './fleet.ts';

const GUESTS = 10_000;
const MINUTE = 60_000;
/** One request a guest and interval, in requests per second. */
const EVEN = GUESTS / (INTERVAL / 1000);
/** Seconds: the fleet came up at once in the first, the server is down in [1200, 1800). */
const [DOWN, UP, END] = [1200, 1800, 4200];
const OUTAGE: Story = { guests: GUESTS, length: END * 1000, outage: [DOWN * 1000, UP * 1000] };

describe('10,000 guests that come up within half a minute', () => {
  const seconds = simulate('cfn-hup', OUTAGE);

  it('poll evenly: the worst second of a quarter of an hour has at most 1.5 times the mean', () => {
    const usual = mean(seconds, 300, DOWN);
    expect(usual).toBeGreaterThan(0.95 * EVEN);
    expect(usual).toBeLessThan(1.05 * EVEN);
    expect(peak(seconds, 300, DOWN)).toBeLessThanOrEqual(1.5 * usual);
  });

  it('ask less while the server is down for ten minutes', () => {
    expect(mean(seconds, DOWN + 300, UP)).toBeLessThan(0.5 * EVEN);
  });

  it('do not come back together: at most 3 times the mean in the first minute, and in any second after it', () => {
    expect(peak(seconds, UP, UP + 60)).toBeLessThanOrEqual(3 * EVEN);
    expect(peak(seconds, UP, END)).toBeLessThanOrEqual(3 * EVEN);
  });

  it('are all back a quarter of an hour later', () => {
    expect(mean(seconds, UP + 900, UP + 1200)).toBeGreaterThan(0.95 * EVEN);
  });

  it('that all saw a change at once look more often for a while, as evenly, and then as before', () => {
    const changed = simulate('cfn-hup', { guests: GUESTS, length: 30 * MINUTE, change: 15 * MINUTE });
    expect(peak(changed, 15 * 60, 20 * 60)).toBeLessThanOrEqual(1.5 * 4 * EVEN);
    expect(peak(changed, 21 * 60, 30 * 60)).toBeLessThanOrEqual(1.5 * EVEN);
  });

  it('keep away for as long as the server asks', () => {
    const quiet = simulate('cfn-hup', { ...OUTAGE, retryAfter: 5 * MINUTE });
    expect(mean(quiet, DOWN + 70, DOWN + 299)).toBe(0);
    expect(peak(quiet, UP, END)).toBeLessThanOrEqual(3 * EVEN);
  });
});

describe('beside it', () => {
  it.each(['cron', 'sleep'] as const)('%s comes in bursts', (kind) => {
    expect(peak(simulate(kind, OUTAGE), 300, DOWN)).toBeGreaterThan(1.5 * EVEN);
  });
});
