import { describe, expect, it } from 'vitest';
import { decodeText, INIT } from './decoding.ts';

/** Decodes a document with one config, whose text this is. */
const decode = (config: string) => decodeText(`{"${INIT}": {"config": ${config}}}`);

describe('numbers keep their digits', () => {
  const number = '[1.0, 9007199254740993, -0.0, 1e400]';
  const texts = ['1.0', '9007199254740993', '-0.0', '1e400'];

  it('as arguments, of a command and of its test, and as variables', () => {
    const command = `{"command": ${number}, "test": ${number}, "env": {"A": 1.50, "B": 12345678901234567890, "C": "1"},
      "waitAfterCompletion": 2.5, "ignoreErrors": 1}`;
    const { configs, findings } = decode(`{"commands": {"c": ${command}, "d": {"command": "x"}}}`);
    expect(findings).toEqual([]);
    expect(configs[0]?.commands[0]).toMatchObject({
      ...{ command: texts, test: texts, env: { A: '1.50', B: '12345678901234567890', C: '1' } },
      ...{ waitAfterCompletion: 2.5, ignoreErrors: true },
    });
  });

  it('as what a service restarts on', () => {
    const service = `{"enabled": 1, "ensureRunning": 0.0, "files": [2.0], "commands": ${number}, "packages": {"yum": [1.10]}}`;
    const { configs, findings } = decode(`{"services": {"systemd": {"app": ${service}}}}`);
    expect(findings).toEqual([]);
    expect(configs[0]?.services[0]).toMatchObject({
      ...{ enabled: true, ensureRunning: false },
      restartOn: { files: ['2.0'], sources: [], commands: texts, packages: ['yum:1.10'] },
    });
  });

  it('where a word is wanted, and not a list, a number is still what it is', () => {
    const { findings } = decode('{"commands": {"a": {"command": 1.0}, "b": {"command": "x", "cwd": 7}}}');
    expect(findings.map(({ pointer }) => pointer.replace(`/${INIT}/config/commands/`, ''))).toEqual([
      'a/command',
      'b/cwd',
    ]);
  });

  it('as credentials, which are hidden with all their digits', () => {
    const block = '{"type": "basic", "username": 7, "password": 12345678901234567890, "uris": ["http://h"]}';
    const text = `{"${INIT}": {"config": {"files": {"/a": {"source": "http://h/a"}}}},
      "AWS::CloudFormation::Authentication": {"web": ${block}}}`;
    const { configs, secrets } = decodeText(text);
    expect(configs[0]?.files[0]?.content).toMatchObject({
      authentication: { username: '7', password: '12345678901234567890' },
    });
    expect(secrets).toContain('12345678901234567890');
  });
});
