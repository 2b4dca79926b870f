import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileProblem } from '../files/file-problem.ts';

/** Thrown when the data ends before an announced part is complete. */
export class EndedEarly extends Error {
  constructor() {
    super('unexpected end of file');
    this.name = 'EndedEarly';
  }
}

const NOTHING = Buffer.alloc(0);
const ZEROS = Buffer.alloc(64 * 1024);

/** Reads a stream of chunks by number of bytes. Keeps one chunk in memory, and the bytes of a single `take` or `peek`. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = NOTHING;
  #taken = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** The next `count` bytes without taking them; fewer at the end. */
  async peek(count: number): Promise<Buffer> {
    if (this.#held.length < count) {
      const parts = [this.#held];
      let length = this.#held.length;
      while (length < count) {
        const next = await this.#chunks.next();
        if (next.done === true) break;
        parts.push(next.value);
        length += next.value.length;
      }
      // Only here: otherwise the rest would be copied again and again.
      if (parts.length > 1) this.#held = Buffer.concat(parts, length);
    }
    return this.#held.subarray(0, count);
  }

  /** The next `count` bytes, or undefined at the end of the data. @throws EndedEarly when there are some, but fewer */
  async takeIfAny(count: number): Promise<Buffer | undefined> {
    const taken = await this.peek(count);
    if (taken.length === 0 && count > 0) return undefined;
    if (taken.length < count) throw new EndedEarly();
    this.#held = this.#held.subarray(count);
    this.#taken += count;
    return taken;
  }

  /** The next `count` bytes. @throws EndedEarly when there are fewer */
  async take(count: number): Promise<Buffer> {
    const taken = await this.takeIfAny(count);
    if (taken === undefined) throw new EndedEarly();
    return taken;
  }

  /** The next chunk of at most `most` bytes, or undefined at the end. */
  async next(most = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#held = next.value;
    }
    const chunk = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(chunk.length);
    this.#taken += chunk.length;
    return chunk;
  }

  /** Skips zeros, as many as there are. */
  async skipZeros(): Promise<void> {
    for (let next = await this.peek(ZEROS.length); next.length > 0; next = await this.peek(ZEROS.length)) {
      const zeros = next.equals(ZEROS.subarray(0, next.length)) ? next.length : next.findIndex((byte) => byte !== 0);
      await this.take(zeros);
      if (zeros < next.length) return;
    }
  }

  /** All remaining bytes. */
  async *rest(): AsyncGenerator<Buffer> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  /** Closes the source before its end. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** The next `size` bytes of a reader that were not read yet. */
export class Section {
  readonly #bytes: ByteReader;
  #left: number;

  constructor(bytes: ByteReader, size: number) {
    this.#bytes = bytes;
    this.#left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.next(this.#left);
      if (chunk === undefined) throw new EndedEarly();
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  /** Skips the bytes that were not read. */
  async skip(): Promise<void> {
    for await (const _ of this);
  }
}

const CHUNK_BYTES = 256 * 1024;

/** The bytes of a file from `start` up to, not including, `end`. @throws Problem when it cannot be read */
export async function* fileChunks(path: string, start = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  if (start >= end) return;
  const stream = createReadStream(path, { start, end: end - 1, highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw fileProblem('cannot read', path, error);
  }
}

/** A file that can be read at any position. */
interface RandomAccess {
  readonly size: number;
  /** The bytes at a position; fewer at the end of the file. */
  read(position: number, count: number): Promise<Buffer>;
}

/** Opens a file for `work` and closes it afterwards. @throws Problem when it cannot be read */
export async function withFile<T>(path: string, work: (file: RandomAccess) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw fileProblem('cannot read', path, error);
  });
  try {
    return await work({
      size: (await handle.stat()).size,
      async read(position, count) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, position);
        return buffer.subarray(0, bytesRead);
      },
    });
  } finally {
    await handle.close();
  }
}
