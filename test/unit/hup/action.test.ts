import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ActionCause, runAction } from '../../../src/hup/hook-runner.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { createWorld, type HookOptions, hookIn, SETTINGS, type World } from './world.ts';

let world: World;
let said: string[];
beforeEach(() => {
  world = createWorld();
  said = [];
});

const log = createLog(new Redactor(), [{ write: (level, text) => void said.push(`${level} ${text}`) }]);
const act = (wanted: HookOptions, cause: Partial<ActionCause> = {}, settings = SETTINGS): Promise<string | undefined> =>
  runAction(hookIn(world, wanted), { before: null, now: null, metadata: undefined, ...cause }, settings, {
    ...world,
    log,
  });

describe('runAction', () => {
  it('a script with Windows line ends says so', async () => {
    const script = `${mkdtempSync(join(tmpdir(), 'cfntools-'))}/on-change`;
    writeFileSync(script, '#!/bin/sh\r\ntrue\r\n', { mode: 0o755 });
    expect(await act({ action: script })).toMatch(/exit code 12[67]: .*: \S+\/on-change has Windows line endings/);
    rmSync(dirname(script), { recursive: true });
  });

  it.each<[action: string, reason: string | undefined]>([
    ['true', undefined],
    ['exit 7', 'it ended with exit code 7: it printed nothing'],
    ['echo one; echo two >&2; false', 'it ended with exit code 1: it printed last: two'],
    ['kill -9 $$', 'it ended with exit code 137: it printed nothing'],
    ['no-such-program-at-all', expect.stringContaining('127') as unknown as string],
    ['[ "$(pwd)" = / ] && read -r line; [ -z "$line" ]', undefined],
    ['[ "$HOME $USER $LOGNAME" = "/home/me me me" ] && [ -n "$PATH" ]', undefined],
    ['[ "$(umask)" = 0022 ]', undefined],
    ['false\ntrue', undefined],
  ])('%j: %s', async (action, reason) => {
    expect(await act({ action })).toEqual(reason);
  });

  it('a user who is not there', async () => {
    expect(await act({ runas: 'nobody-at-all' })).toMatch(/no user nobody-at-all/);
  });

  it('past its time', async () => {
    const begin = performance.now();
    const reason = await act({ action: 'sleep 300 & sleep 300' }, {}, { ...SETTINGS, actionTimeout: 200 });
    expect(reason).toMatch(/longer than 0.2 s/);
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  it.each<[name: string, value: string, shows: string | undefined]>([
    ['a text is bare', '"a \\"b\\"\\nc"', 'a "b"\nc\n'],
    ['an object is JSON', '{"a":1}', '{"a":1}\n'],
    ['an empty text is there', '""', '\n'],
    ['too long', `"${'x'.repeat(131_072)}"`, undefined],
    ['as long as can be', `"${'x'.repeat(131_072 - 'CFN_NEW_METADATA='.length - 1)}"`, `${'x'.repeat(131_054)}\n`],
    ['with a NUL', '"a\\u0000b"', undefined],
  ])('variables: %s', async (_, now, shows) => {
    const action =
      '[ -n "${CFN_NEW_METADATA+x}" ] && echo "$CFN_NEW_METADATA" >ROOT/seen; [ -z "${CFN_OLD_METADATA+x}" ]';
    expect(await act({ action }, { now })).toBeUndefined();
    expect(world.read('/seen')).toBe(shows);
    expect(said.join().includes('without CFN_NEW_METADATA')).toBe(shows === undefined);
  });

  it('hands on nothing that is meant for us alone', async () => {
    const environment = {
      ...world.system.environment,
      NOTIFY_SOCKET: '/run/x',
      MALLOC_ARENA_MAX: '1',
      CFN_OLD_METADATA: 'of another',
      KEPT: 'kept',
    };
    const system = { ...world.system, environment };
    const hook = hookIn(world, {
      action: 'echo "$NOTIFY_SOCKET$MALLOC_ARENA_MAX|${CFN_OLD_METADATA-}|$KEPT" >ROOT/seen',
    });
    await runAction(hook, { before: null, now: '1', metadata: undefined }, SETTINGS, { system, log });
    expect(world.read('/seen')).toBe('||kept\n');
  });

  it.each([
    ['in the default set', { configSets: { default: ['app'] } }],
    ['in a set that is no default', { configSets: { update: ['app'] } }],
    ['in no set', { configSets: { default: ['other'] }, other: {} }],
  ])('what a private file holds does not reach the log: one %s', async (_, init) => {
    const files = { '/etc/app/env': { content: 'URL=postgres://app:hunter2@db/\nWORD=open-sesame\n', mode: '000600' } };
    const metadata = JSON.stringify({ 'AWS::CloudFormation::Init': { ...init, app: { files } } });
    const action = 'echo URL=postgres://app:hunter2@db/; echo words; echo WORD=open-sesame >&2; exit 1';
    const reason = await act({ action }, { now: metadata, metadata });
    for (const secret of ['hunter2', 'open-sesame']) expect(said.join() + reason).not.toContain(secret);
    expect(said.join()).toContain('words');
  });

  it.each<[keys: string, value: string, printed: string]>([
    ['release', '"build-x9y8z7w6"', 'build-x9y8z7w6'],
    ['db.password', '"x9y8z7w6"', '[redacted]'],
    ['c.env', '{"ANY":"x9y8z7w6"}', '{"ANY":"[redacted]"}'],
  ])('the value at %s is a secret if its name says so', async (keys, now, printed) => {
    await act({ action: 'echo "is $CFN_NEW_METADATA"', keys: keys.split('.') }, { now });
    expect(said.join()).toContain(`is ${printed}`);
  });

  it('secrets do not reach the log, nor the reason', async () => {
    const file = { content: 'user=x\nsesame=open-the-door\n', mode: '000600' };
    const document = {
      password: 'hunter2-hunter2',
      note: 'words',
      'AWS::CloudFormation::Init': { config: { files: { '/etc/private': file } } },
      'AWS::CloudFormation::Authentication': {
        a: { type: 'basic', username: 'u', password: 'pass-of-u', uris: ['x'] },
      },
    };
    const text = JSON.stringify(document);
    const action = `echo "$CFN_NEW_METADATA"; echo words sesame=open-the-door pass-of-u; echo "with hunter2-hunter2"; exit 1`;
    const reason = await act({ action }, { now: text, metadata: text });
    for (const secret of ['hunter2', 'open-the-door', 'pass-of-u']) expect(said.join() + reason).not.toContain(secret);
    expect(said.join()).toContain('words');
    expect(reason).toContain('with [redacted]');
  });
});
