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
/** Milliseconds after which an unfinished line is told: what asks a question, or waits behind its dots, ends none. */
const PATIENCE = 5000;

/**
 * Tells a listener the lines of several streams as they come. A character or a line that comes in pieces is put together
 * first; of a line that never ends only the beginning is kept. One that does not go on is told once before it ends, too.
 * @returns what tells the unfinished lines, to be called when the program has ended
 */
export function tellLines(streams: readonly Readable[], onLines: LinesListener): () => void {
  let isHeard = true;
  const ends = streams.map((stream, index) => {
    const decoder = new StringDecoder('utf8');
    let line = '';
    // The line is too long, and its beginning was told: the rest is dropped.
    let isTold = false;
    let isShown = false;
    const pause = setTimeout(() => {
      if (!isHeard || isShown || line === '') return;
      isShown = true;
      isHeard = onLines([`${line}...`], index);
    }, PATIENCE).unref();
    /** @returns what can be told by now */
    const extend = (text: string, isWhole: boolean): readonly string[] => {
      if (!isTold) line += text.slice(0, LONGEST_LINE + 1 - line.length);
      const isTooLong = line.length > LONGEST_LINE;
      const told = isTooLong ? [`${line}...`] : isWhole && !isTold ? [line.replace(/\r+$/, '')] : [];
      if (isTooLong || isWhole) line = '';
      isShown = !isWhole && isShown;
      isTold = !isWhole && (isTold || isTooLong);
      return told;
    };
    const take = (text: string): void => {
      const parts = text.split('\n');
      const lines = parts.flatMap((part, at) => extend(part, at < parts.length - 1));
      if (lines.length > 0) isHeard = onLines(lines, index);
    };
    stream.on('data', (chunk: Buffer) => {
      pause.refresh();
      if (isHeard) take(decoder.write(chunk));
    });
    return () => {
      clearTimeout(pause);
      if (isHeard) take(decoder.end());
      if (isHeard && line !== '') onLines(extend('', true), index);
    };
  });
  return () => {
    for (const end of ends) end();
  };
}
