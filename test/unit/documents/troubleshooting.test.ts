import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const project = join(import.meta.dirname, '../../..');
const page = readFileSync(join(project, 'docs/guides/troubleshooting.md'), 'utf8');
const sources = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(project, 'src', path), 'utf8').replaceAll("\\'", "'"));

// Whoever searches the page for what a command has said has to find it.
test.each([
  'the signal was refused with ',
  'does not say that the signal was accepted',
  'nothing listens there',
  'no URL to signal',
  'unknown key ',
  'no metadata',
  'others can read or change ',
  'not available: ',
  'no service ',
  'another cfn-init is running',
  'nobody follows changes',
  "Heat's policy has forbidden guests to ask",
  'Heat has not answered',
  'other users may write to it',
  'not used: ',
  'no hooks are configured',
  'it is empty, perhaps an unset variable',
])('the guide quotes a message as it is: %s', (message) => {
  expect(page).toContain(message.replace(/:? $/, ''));
  expect(sources.some((source) => source.includes(message))).toBe(true);
});
