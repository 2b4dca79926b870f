import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isBlank } from './detect.ts';
import { damagedArchive, guarded } from './entry.ts';
import { fileChunks, withFile } from './file-chunks.ts';

/** Unpacks a gzip file, all of its members. @throws Problem when it is damaged, cut short or followed by something else */
export async function* gunzip(path: string, where: string): AsyncGenerator<Buffer> {
  const decoder = createGunzip();
  pipeline(Readable.from(fileChunks(path)), decoder, () => {});
  yield* guarded(decoder, where);
  // The decoder stops at the first zero after a member. Padding is fine there, more data would be lost silently.
  const { size } = await withFile(path, async (file) => file);
  for await (const chunk of fileChunks(path, decoder.bytesWritten, size)) {
    if (!isBlank(chunk)) throw damagedArchive(where, 'something else follows the compressed data');
  }
}
