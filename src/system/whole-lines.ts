import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Gathers what several streams say, line by line in the order in which the lines came to their end. A tool may write a
 * line in pieces; those of stderr would else stand in the middle of one of stdout, and its message not be found.
 * @returns the text so far, with the unfinished lines last and without a newline at its end
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
