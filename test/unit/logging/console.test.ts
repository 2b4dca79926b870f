import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type About, createLog } from '../../../src/logging/log.ts';
import { consoleSink } from '../../../src/logging/sinks.ts';
import { Redactor } from '../../../src/redact.ts';
import { temporaryRoot } from '../temporary-root.ts';

const FAILED: About = { event: 'runEnded', exitCode: 1 };

interface Boot {
  readonly command?: string;
  readonly uid?: number;
  readonly isTerminal?: boolean;
  /** What cloud-init has written below /run. */
  readonly files?: readonly string[];
  /** Whether the files are those of another root. */
  readonly isOtherRoot?: boolean;
}

/** What is on the console after an error. */
function shown(text: string, about: About | undefined, boot: Boot = {}): string {
  const { command = 'cfn-init', uid = 0, isTerminal = false, files = ['status.json'], isOtherRoot = false } = boot;
  const { root, files: below } = temporaryRoot();
  const directory = `${root}/run/cloud-init`;
  mkdirSync(directory, { recursive: true });
  for (const name of files) writeFileSync(`${directory}/${name}`, '{}');
  const self = { uid, gid: uid };
  let written = '';
  const redactor = new Redactor();
  redactor.addSecret('5ecre7-of-the-stack');
  const sink = consoleSink(
    command,
    { files: isOtherRoot ? below : { ...below, root: '/' }, self },
    () => isTerminal,
    (line) => {
      written += line;
    },
  );
  createLog(redactor, [sink]).error(text, about);
  return written;
}

describe('the error by which a command of user data ended, on the console', () => {
  it.each<[what: string, text: string, line: string]>([
    ['one line', 'exit code 7', 'cfn-init: exit code 7\n'],
    ['without secrets', 'it printed 5ecre7-of-the-stack', 'cfn-init: it printed [redacted]\n'],
    ['without control characters', '\x1b[31mred\x1b[0m\x07\x1b]0;title\nx', 'cfn-init: red\\x07itle x\n'],
    ['of a bounded length', 'x'.repeat(100_000), `cfn-init: ${'x'.repeat(1000)}\n`],
  ])('%s', (_, text, line) => {
    expect(shown(text, FAILED)).toBe(line);
  });

  it.each<[what: string, about: About | undefined, boot?: Boot]>([
    ['an error on the way', undefined],
    ['a failed step', { event: 'stepFailed' }],
    ['a run that succeeded', { event: 'runEnded', exitCode: 0 }],
    ['another user than root', FAILED, { uid: 1000 }],
    ['a person at a terminal', FAILED, { isTerminal: true }],
    ['--root', FAILED, { isOtherRoot: true }],
    ['no cloud-init', FAILED, { files: [] }],
    ['a cloud-init that is done', FAILED, { files: ['status.json', 'result.json'] }],
    ['a command that user data does not depend on', FAILED, { command: 'cfn-get-metadata' }],
  ])('not: %s', (_, about, boot) => {
    expect(shown('exit code 7', about, boot)).toBe('');
  });

  it('of cfn-signal, too: its stack waits until it times out', () => {
    expect(shown('not accepted', { event: 'runEnded', exitCode: 75 }, { command: 'cfn-signal' })).toBe(
      'cfn-signal: not accepted\n',
    );
  });
});
