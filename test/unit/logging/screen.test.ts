import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createScreen, type Screen, type Tone } from '../../../src/logging/screen.ts';

interface Seen {
  readonly screen: Screen;
  readonly text: () => string;
}

function screen(
  environment: Readonly<Record<string, string>>,
  terminals: { readonly stdout?: boolean; readonly stderr?: boolean } = { stdout: true, stderr: true },
  redact = (text: string): string => text,
): Seen {
  let seen = '';
  const write = (text: string): boolean => {
    seen += text;
    return true;
  };
  const { stdout = false, stderr = false } = terminals;
  const made = createScreen(
    { stdout: write, stderr: write },
    environment,
    { stdout: () => stdout, stderr: () => stderr },
    redact,
  );
  return { screen: made, text: () => seen };
}

describe('colours and progress', () => {
  const both = { stdout: true, stderr: true };
  it.each([
    [{ TERM: 'xterm' }, both, [true, true, true]],
    [{ TERM: 'xterm' }, { stdout: true }, [true, false, false]],
    [{ TERM: 'xterm' }, { stderr: true }, [false, true, true]],
    [{ TERM: 'xterm' }, {}, [false, false, false]],
    [{ TERM: 'xterm', NO_COLOR: '1' }, both, [false, false, true]],
    [{ TERM: 'xterm', NO_COLOR: '' }, both, [true, true, true]],
    [{ TERM: 'dumb' }, both, [false, false, false]],
    [{ TERM: '' }, both, [false, false, false]],
    [{}, both, [false, false, false]],
  ])('%j %j: on stdout, on stderr, progress: %j', (environment, terminals, expected) => {
    const { paint, progress } = screen(environment as Record<string, string>, terminals).screen;
    const isColoured = (name: 'stdout' | 'stderr'): boolean => paint[name]('failed', 'x') !== 'x';
    expect([isColoured('stdout'), isColoured('stderr'), progress !== undefined]).toEqual(expected);
  });

  it.each<[Tone | undefined, string]>([
    ['error', '\x1b[31mx\x1b[0m'],
    ['failed', '\x1b[31mx\x1b[0m'],
    ['warning', '\x1b[33mx\x1b[0m'],
    ['skipped', '\x1b[33mx\x1b[0m'],
    ['changed', '\x1b[32mx\x1b[0m'],
    ['unchanged', '\x1b[2mx\x1b[0m'],
    ['detail', '\x1b[2mx\x1b[0m'],
    [undefined, 'x'],
  ])('%s is %j', (tone, expected) => {
    expect(screen({ TERM: 'xterm' }).screen.paint.stdout(tone, 'x')).toBe(expected);
  });

  it('is the very output where there is no terminal', () => {
    const { screen: made, text } = screen({ TERM: 'xterm' }, {});
    made.output.stderr('a\n');
    made.output.stdout('b\n');
    expect(text()).toBe('a\nb\n');
  });
});

describe('the progress line', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('comes after a second, is drawn over itself, and goes away with the step', () => {
    const { screen: made, text } = screen({ TERM: 'xterm' });
    made.progress?.begin('packages apt');
    vi.advanceTimersByTime(999);
    expect(text()).toBe('');
    vi.advanceTimersByTime(1001);
    expect(text()).toBe('\r\x1b[Kpackages apt ... 1 s\r\x1b[Kpackages apt ... 2 s');
    made.progress?.end();
    vi.advanceTimersByTime(5000);
    expect(text()).toBe('\r\x1b[Kpackages apt ... 1 s\r\x1b[Kpackages apt ... 2 s\r\x1b[K');
  });

  it('leaves no trace of a short step', () => {
    const { screen: made, text } = screen({ TERM: 'xterm' });
    made.progress?.begin('files /x');
    made.progress?.end();
    made.output.stdout('done\n');
    expect(text()).toBe('done\n');
  });

  it('makes way for other text, on stdout as well, and comes back', () => {
    const { screen: made, text } = screen({ TERM: 'xterm' });
    made.progress?.begin('commands a');
    vi.advanceTimersByTime(1000);
    made.output.stdout('one\n');
    made.output.stderr('two\n');
    vi.advanceTimersByTime(1000);
    expect(text()).toBe('\r\x1b[Kcommands a ... 1 s\r\x1b[Kone\ntwo\n\r\x1b[Kcommands a ... 2 s');
  });

  it('never breaks, has no control characters and no secret in it', () => {
    const redact = (text: string): string => text.replaceAll('hunter22', '[redacted]');
    const { screen: made, text } = screen({ TERM: 'xterm', COLUMNS: '40' }, { stderr: true }, redact);
    made.progress?.begin(`files /hunter22/a\x1b[2Jb\n${'x'.repeat(100)}`);
    vi.advanceTimersByTime(1000);
    expect(text()).toBe('\r\x1b[Kfiles /[redacted]/ab\\nxxxxxxxx… ... 1 s');
    expect(text().length - '\r\x1b[K'.length).toBe(39);
  });
});
