import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/system/clock.ts';
import { readGiven, readGivenSecret } from '../../../../src/system/files/given-file.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { temporaryRoot } from '../../temporary-root.ts';

const tools = { exec: createExec({ PATH: process.env['PATH'] }), clock: systemClock };

function fifo(writer?: string): string {
  const path = `${temporaryRoot().root}/fifo`;
  execFileSync('mkfifo', [path]);
  if (writer !== undefined) spawn('sh', ['-c', writer, path], { stdio: 'ignore' });
  return path;
}

describe('a file that the caller named', () => {
  it('is read as it is, up to its bound', async () => {
    const path = `${temporaryRoot().root}/file`;
    const content = Buffer.from([0xff, 0xfe, 0, 0x7b, 0xc3]);
    writeFileSync(path, content);
    expect(await readGiven(tools, path, 5)).toEqual(content);
    await expect(readGiven(tools, path, 4)).rejects.toThrow('larger than 4 bytes');
  });

  it('that is missing is a problem', async () => {
    const failure = readGiven(tools, '/nowhere/file', 5);
    await expect(failure).rejects.toMatchObject({ message: 'cannot read', where: '/nowhere/file' });
  });
});

describe('a FIFO', () => {
  it.each([
    ['in pieces', `printf '\\377a' >"$0"; sleep 0.2`, Buffer.from([0xff, 0x61])],
    ['nothing, and is closed again', ': >"$0"', Buffer.alloc(0)],
  ])('into which somebody writes %s', async (_, writer, content) => {
    expect(await readGiven(tools, fifo(writer), 100)).toEqual(content);
  });

  it('has a bound too', async () => {
    await expect(readGiven(tools, fifo('head -c 100000 /dev/zero >"$0"'), 100)).rejects.toThrow(
      'larger than 100 bytes',
    );
  });

  it('into which nobody writes is given up: exit code 75', async () => {
    const path = fifo();
    const failure = readGivenSecret(tools, path, 100, 300);
    await expect(failure).rejects.toMatchObject({ message: 'no data arrived within 1 s', where: path, exitCode: 75 });
  });
});
