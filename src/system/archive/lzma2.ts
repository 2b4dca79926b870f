import type { ByteReader } from './byte-reader.ts';
import { LzmaDecoder } from './lzma.ts';

/** Unpacks LZMA2, one block after the other. Holds the largest dictionary of them. */
export class Lzma2 {
  #lzma: { readonly decoder: LzmaDecoder; readonly dictionary: number } | undefined;

  /**
   * The content of the next block, up to its end mark, in pieces of at most 2 MiB.
   * @param dictionary its bytes
   * @throws Error when it is damaged or cut short
   */
  async *chunks(bytes: ByteReader, dictionary: number): AsyncGenerator<Buffer> {
    if (this.#lzma === undefined || this.#lzma.dictionary < dictionary)
      this.#lzma = { decoder: new LzmaDecoder(dictionary), dictionary };
    const { decoder } = this.#lzma;
    let needsDictionary = true;
    let needsProperties = true;
    for (let control = await takeByte(bytes); control !== 0; control = await takeByte(bytes)) {
      if (control === 1 || control >= 0xe0) {
        decoder.resetDictionary();
        needsDictionary = false;
        needsProperties = true;
      }
      const isStored = control < 0x80;
      if (needsDictionary || (isStored && control > 2) || (!isStored && control < 0xc0 && needsProperties))
        throw new Error('bad LZMA data');
      if (isStored) {
        const stored = await bytes.take((await bytes.take(2)).readUInt16BE() + 1);
        decoder.store(stored);
        yield stored;
        continue;
      }
      const sizes = await bytes.take(4);
      const unpacked = ((control & 0x1f) << 16) + sizes.readUInt16BE() + 1;
      if (control >= 0xc0) {
        decoder.resetState(await takeByte(bytes));
        needsProperties = false;
      } else if (control >= 0xa0) decoder.resetState();
      yield decoder.decode(await bytes.take(sizes.readUInt16BE(2) + 1), unpacked);
    }
  }
}

async function takeByte(bytes: ByteReader): Promise<number> {
  return (await bytes.take(1))[0] as number;
}
