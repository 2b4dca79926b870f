import { expect, test } from 'vitest';
import { prepareHupGuest } from '../support/cfn-hup.ts';
import { measurePolls } from '../support/measure-polls.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
/** An hour of one poll a second. */
const HOUR = 3600;

test('an hour of polls that find nothing new: small, no larger than after ten minutes, asleep between them', {
  timeout: 400_000,
}, async () => {
  const guest = await prepareHupGuest(view());
  const metadata = { version: 0, text: 'x'.repeat(8000) };
  await guest.tell(metadata);
  await guest.publish(metadata);
  // So long that only SIGHUP makes it poll.
  await guest.configure({ interval: '24h' }, 'true');
  await guest.heat.close();
  const { at, wakeUps } = await measurePolls(view(), [HOUR / 6, HOUR]);
  const [early, late, rest] = at;
  if (early === undefined || late === undefined || rest === undefined) throw new Error('not measured');
  for (const [when, { resident, privateDirty }] of Object.entries({ 'after a poll': late, 'at rest': rest })) {
    expect.soft(resident, `MiB ${when}, with the pages of the executable`).toBeLessThanOrEqual(50);
    expect.soft(privateDirty, `MiB ${when}`).toBeLessThanOrEqual(14);
  }
  expect.soft(late.privateDirty - early.privateDirty, 'MiB of growth').toBeLessThanOrEqual(2);
  expect.soft(late.resident - early.resident, 'MiB of growth').toBeLessThanOrEqual(2);
  expect.soft(wakeUps).toBeLessThanOrEqual(1);
});
