import { describe, expect, it } from 'vitest';
import { createLog, fileSink, type Level, type Log, type Sink, terminalSink } from '../../../src/logging/log.ts';
import { coloured } from '../../../src/logging/screen.ts';
import { Redactor } from '../../../src/redact.ts';

function sayAll(log: Log): void {
  log.trace('a trace');
  log.debug('a detail');
  log.info('news');
  log.warning('beware');
  log.error('it broke: /x');
}

function printed(verbose: boolean): string[] {
  const lines: string[] = [];
  sayAll(createLog(new Redactor(), [terminalSink('cfn-init', verbose, (line) => lines.push(line))]));
  return lines;
}

describe('terminalSink', () => {
  it('prints warnings and errors only', () => {
    expect(printed(false)).toEqual(['cfn-init: warning: beware\n', 'cfn-init: it broke: /x\n']);
  });

  it('prints all but traces with -v', () => {
    expect(printed(true)).toEqual([
      'cfn-init: a detail\n',
      'cfn-init: news\n',
      'cfn-init: warning: beware\n',
      'cfn-init: it broke: /x\n',
    ]);
  });

  it('prints in colour on a terminal: errors red, warnings yellow, steps as they went', () => {
    const lines: string[] = [];
    const sink = terminalSink('cfn-init', true, (line) => lines.push(line), coloured);
    const log = createLog(new Redactor(), [sink]);
    sayAll(log);
    log.info('files  changed  /x', { tone: 'changed' });
    log.info('files  unchanged  /x', { tone: 'unchanged' });
    expect(lines).toEqual([
      '\x1b[2mcfn-init: a detail\x1b[0m\n',
      'cfn-init: news\n',
      '\x1b[33mcfn-init: warning: beware\x1b[0m\n',
      '\x1b[31mcfn-init: it broke: /x\x1b[0m\n',
      '\x1b[32mcfn-init: files  changed  /x\x1b[0m\n',
      '\x1b[2mcfn-init: files  unchanged  /x\x1b[0m\n',
    ]);
  });
});

describe('fileSink', () => {
  it('dates every message and indents its further lines', () => {
    let text = '';
    const now = (): Date => new Date('2026-03-04T05:06:07.089Z');
    const log = createLog(new Redactor(), [fileSink('cfn-hup', 42, now, (more) => (text += more))]);
    log.info('it printed\none\ntwo');
    log.trace('at line 1');
    expect(text).toBe(
      [
        '2026-03-04T05:06:07.089Z cfn-hup[42] INFO it printed',
        '    one',
        '    two',
        '2026-03-04T05:06:07.089Z cfn-hup[42] TRACE at line 1',
        '',
      ].join('\n'),
    );
  });
});

describe('createLog', () => {
  it('hands every level to every sink, without secrets', () => {
    const redactor = new Redactor();
    redactor.addSecret('hunter22');
    const seen: [number, Level, string][] = [];
    const sink = (number: number): Sink => ({ write: (level, text) => seen.push([number, level, text]) });
    const log = createLog(redactor, [sink(1), sink(2)]);
    log.trace('hunter22');
    log.error('not hunter22!');
    expect(seen).toEqual([
      [1, 'TRACE', '[redacted]'],
      [2, 'TRACE', '[redacted]'],
      [1, 'ERROR', 'not [redacted]!'],
      [2, 'ERROR', 'not [redacted]!'],
    ]);
  });

  it('knows a secret that is registered after it was made', () => {
    const redactor = new Redactor();
    const seen: string[] = [];
    const log = createLog(redactor, [{ write: (_level, text) => seen.push(text) }]);
    log.info('s3cr3t-value');
    redactor.addSecret('s3cr3t-value');
    log.info('s3cr3t-value');
    expect(seen).toEqual(['s3cr3t-value', '[redacted]']);
  });
});
