import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { project } from '../support/binary.ts';

test('what ends the process unexpectedly is reported without secrets', () => {
  const script = `
    process.argv.splice(1, process.argv.length, 'cfntools', '--version');
    await import(${JSON.stringify(`${project}/src/main.ts`)});
    throw new Error('cannot reach http://joe:5ecre7@h/x?temp_url_sig=5ecre7 with token=5ecre7');
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stderr).toBe(
    'cfntools: a bug in cfntools: cannot reach http://[redacted]@h/x?[redacted] with token=[redacted]: please report it\n',
  );
  expect(status).toBe(70);
});
