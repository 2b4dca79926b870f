import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Hears what a program prints while it runs: whole lines, without their ends.
 * @param stream tells the lines of stdout from those of stderr
 * @returns false to hear no more
 */
export type LinesListener = (lines: readonly string[], stream: number) => boolean;

/** Characters of a line that are kept; the rest of it, up to its end, is dropped. */
const LONGEST_LINE = 16 * 1024;

/**
 * Tells a listener the lines of several streams as they come. A character or a line that comes in pieces is put together
 * first; of a line that never ends only the beginning is kept.
 * @returns what tells the unfinished lines, to be called when the program has ended
 */
export function tellLines(streams: readonly Readable[], onLines: LinesListener): () => void {
  let isHeard = true;
  const ends = streams.map((stream, index) => {
    const decoder = new StringDecoder('utf8');
    let line = '';
    // The line is too long, and its beginning was told: the rest is dropped.
    let isTold = false;
    /** @returns what can be told by now */
    const extend = (text: string, isWhole: boolean): readonly string[] => {
      if (!isTold) line += text.slice(0, LONGEST_LINE + 1 - line.length);
      const isTooLong = line.length > LONGEST_LINE;
      const told = isTooLong ? [`${line}...`] : isWhole && !isTold ? [line.replace(/\r+$/, '')] : [];
      if (isTooLong || isWhole) line = '';
      isTold = !isWhole && (isTold || isTooLong);
      return told;
    };
    const take = (text: string): void => {
      const parts = text.split('\n');
      const lines = parts.flatMap((part, at) => extend(part, at < parts.length - 1));
      if (lines.length > 0) isHeard = onLines(lines, index);
    };
    stream.on('data', (chunk: Buffer) => {
      if (isHeard) take(decoder.write(chunk));
    });
    return () => {
      if (isHeard) take(decoder.end());
      if (isHeard && line !== '') onLines(extend('', true), index);
    };
  });
  return () => {
    for (const end of ends) end();
  };
}
