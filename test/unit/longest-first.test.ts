import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { LONGEST } from '../support/longest-first.ts';

test.each(LONGEST)('%s, which is run before others, is there', (name) => {
  expect(existsSync(join(project, name))).toBe(true);
});
