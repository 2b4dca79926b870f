import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { tellLines } from '../../../../src/system/programs/output.ts';

/** What is told of chunks that come on two streams. */
async function told(chunks: readonly (readonly [stream: number, chunk: string | Buffer])[]): Promise<string[]> {
  const streams = [new PassThrough(), new PassThrough()];
  const lines: string[] = [];
  const end = tellLines(streams, (some, stream) => {
    lines.push(...some.map((line) => `${stream} ${line}`));
    return true;
  });
  for (const [stream, chunk] of chunks) {
    streams[stream]?.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  return lines;
}

describe('tellLines', () => {
  it.each<[string, (readonly [number, string | Buffer])[], string[]]>([
    ['nothing', [], []],
    [
      'lines in pieces',
      [
        [0, 'o'],
        [0, 'ne\ntw'],
        [0, 'o\n'],
      ],
      ['0 one', '0 two'],
    ],
    [
      'two streams at once',
      [
        [0, 'ou'],
        [1, 'err\n'],
        [0, 't\n'],
      ],
      ['1 err', '0 out'],
    ],
    ['a last line without an end', [[0, 'a\nb']], ['0 a', '0 b']],
    ['an empty line', [[0, '\n\nx']], ['0 ', '0 ', '0 x']],
    [
      'Windows line ends, as a terminal makes them',
      [
        [0, 'a\r'],
        [0, '\nb\r\n'],
      ],
      ['0 a', '0 b'],
    ],
    [
      'a character in two pieces',
      [
        [0, Buffer.from([0x47, 0xc3])],
        [0, Buffer.from([0xbc, 0x0a])],
      ],
      ['0 Gü'],
    ],
    ['half a character at the end', [[0, Buffer.from([0x47, 0xc3])]], ['0 G\ufffd']],
    ['bytes that are no text', [[0, Buffer.from([0xff, 0x00, 0x0a])]], ['0 \ufffd\0']],
  ])('%s', async (_, chunks, expected) => {
    expect(await told(chunks)).toEqual(expected);
  });

  it('tells the beginning of a line that never ends, once and at once', async () => {
    const piece = 'x'.repeat(10_000);
    const lines = await told([
      [0, piece],
      [0, piece],
      [1, 'meanwhile\n'],
      [0, piece],
      [0, 'end\nnext\n'],
    ]);
    expect(lines.map((line) => line.length)).toEqual([2 + 16 * 1024 + 1 + 3, 11, 6]);
    expect(lines.slice(1)).toEqual(['1 meanwhile', '0 next']);
  });

  it('is silent once nobody hears', async () => {
    const stream = new PassThrough();
    let count = 0;
    const end = tellLines([stream], () => {
      count += 1;
      return false;
    });
    for (const text of ['a\n', 'b\n', 'c']) {
      stream.write(text);
      await new Promise((resolve) => setImmediate(resolve));
    }
    end();
    expect(count).toBe(1);
  });
});

it('a line that does not go on is told once before it ends', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const stream = new PassThrough();
    const lines: string[] = [];
    const end = tellLines([stream], (some) => {
      lines.push(...some);
      return true;
    });
    const write = async (text: string, pause: number): Promise<void> => {
      stream.write(text);
      await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(pause);
    };
    await write('one\nGo', 3000);
    await write(' on? ', 4000);
    expect(lines).toEqual(['one']);
    await write('[y]', 60_000);
    expect(lines).toEqual(['one', 'Go on? [y]...']);
    await write(' y', 60_000);
    await write('\nmore', 10_000);
    end();
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual(['one', 'Go on? [y]...', 'Go on? [y] y', 'more...', 'more']);
  } finally {
    vi.useRealTimers();
  }
});
