import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Gets what a program prints while it runs: whole lines, without line ends.
 * @param stream 0 for stdout, 1 for stderr
 * @returns false to get no more
 */
export type LinesListener = (lines: readonly string[], stream: number) => boolean;

/** Characters of a line that are kept; the rest of it, up to its end, is dropped. */
const LONGEST_LINE = 16 * 1024;
/** Milliseconds after which an unfinished line is passed on: a program that asks a question or prints dots does not end its line. */
const PATIENCE = 5000;

/**
 * Passes the lines of several streams to a listener as they arrive. A character or a line that arrives in pieces is put together
 * first. Of a very long line only the beginning is kept. An unfinished line that gets no more text is passed on once before it ends,
 * too.
 * @returns passes on the unfinished lines; call it when the program has ended
 */
export function tellLines(streams: readonly Readable[], onLines: LinesListener): () => void {
  let isHeard = true;
  const ends = streams.map((stream, index) => {
    const decoder = new StringDecoder('utf8');
    let line = '';
    // The line is too long, and its beginning was passed on: the rest is dropped.
    let isTold = false;
    let isShown = false;
    const pause = setTimeout(() => {
      if (!isHeard || isShown || line === '') return;
      isShown = true;
      isHeard = onLines([`${line}...`], index);
    }, PATIENCE).unref();
    /** @returns the lines that can be passed on now */
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

/**
 * Gathers the output of several streams, line by line in the order in which the lines end. A tool may write a line in pieces:
 * without this a piece of stderr could end up in the middle of a line of stdout, and its message would not be found.
 * @returns the text so far, with the unfinished lines last and without a newline at the end
 */
export function gatherLines(...streams: readonly Readable[]): () => string {
  let lines = '';
  const unfinished: string[] = streams.map(() => '');
  streams.forEach((stream, index) => {
    const decoder = new StringDecoder('utf8');
    stream.on('data', (chunk: Buffer) => {
      const text = unfinished[index] + decoder.write(chunk);
      const end = text.lastIndexOf('\n') + 1;
      lines += text.slice(0, end);
      unfinished[index] = text.slice(end);
    });
  });
  return () => {
    const rest = unfinished.filter((text) => text !== '').join('\n');
    return rest === '' ? lines.replace(/\n$/, '') : lines + rest;
  };
}

/** Bytes of a program's output that are kept: as much as a person will read. */
const MOST_BYTES = 16 * 1024;
const NEWLINE = 0x0a;

/** Keeps the end of a stream in bounded memory. */
export class OutputTail {
  #chunks: Buffer[] = [];
  #length = 0;
  #cut = false;
  /** The unfinished line of each stream: the output of another stream must not end up in the middle of it. */
  readonly #unfinished = new Map<unknown, Buffer>();

  /** @param stream any value that identifies the stream */
  add(chunk: Buffer, stream?: unknown): void {
    const before = this.#unfinished.get(stream);
    const bytes = before === undefined ? chunk : Buffer.concat([before, chunk]);
    // A line that is longer than what is kept is not put together first.
    const end = bytes.length > MOST_BYTES ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1;
    if (end === bytes.length) this.#unfinished.delete(stream);
    else this.#unfinished.set(stream, bytes.subarray(end));
    if (end > 0) this.#keep(bytes.subarray(0, end));
  }

  #keep(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    if (this.#length > 2 * MOST_BYTES) this.#trim();
  }

  /** The last 16 KiB. Where something was cut off, it begins with `...` and the next whole line. */
  text(): string {
    const rests = [...this.#unfinished.values()];
    this.#unfinished.clear();
    rests.forEach((rest, index) => {
      this.#keep(index < rests.length - 1 ? Buffer.concat([rest, Buffer.from('\n')]) : rest);
    });
    this.#trim();
    const text = Buffer.concat(this.#chunks).toString('utf8');
    if (!this.#cut) return text;
    const start = text.indexOf('\n');
    return start < 0 || start === text.length - 1 ? `...${text}` : `...${text.slice(start)}`;
  }

  #trim(): void {
    if (this.#length <= MOST_BYTES) return;
    const kept = Buffer.concat(this.#chunks).subarray(-MOST_BYTES);
    this.#chunks = [kept];
    this.#length = kept.length;
    this.#cut = true;
  }
}
