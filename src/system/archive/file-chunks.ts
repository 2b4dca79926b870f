import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileProblem } from '../file-problem.ts';

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

/** A file read at chosen places. */
export interface RandomAccess {
  readonly size: number;
  /** The bytes there; fewer at the end of the file. */
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
