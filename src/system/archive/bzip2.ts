import { PassThrough, Readable } from 'node:stream';
import unbzip2 from 'unbzip2-stream';
import { guarded } from './entry.ts';
import { fileChunks } from './file-chunks.ts';

/** Unpacks a bzip2 file, all of its streams. @throws Problem when it is damaged, cut short or followed by something else */
export async function* bunzip2(path: string, where: string): AsyncGenerator<Buffer> {
  const packed = Readable.from(fileChunks(path));
  const decoder = unbzip2();
  // The library's streams are of Node's oldest kind, which cannot be iterated.
  const unpacked = new PassThrough();
  packed.on('error', (error) => unpacked.destroy(error));
  decoder.on('error', (error: Error) => unpacked.destroy(error));
  packed.pipe(decoder).pipe(unpacked);
  try {
    yield* guarded(unpacked, where);
  } finally {
    packed.destroy();
  }
}
