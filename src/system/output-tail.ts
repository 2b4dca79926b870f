/** As much of a program's output as a person will read. */
const MOST_BYTES = 16 * 1024;
const NEWLINE = 0x0a;

/** Keeps the end of a stream in bounded memory. */
export class OutputTail {
  #chunks: Buffer[] = [];
  #length = 0;
  #cut = false;
  /** The unfinished line of each stream: what another one says meanwhile must not end up in the middle of it. */
  readonly #unfinished = new Map<unknown, Buffer>();

  /** @param stream any value that is the stream's own */
  add(chunk: Buffer, stream?: unknown): void {
    const before = this.#unfinished.get(stream);
    const bytes = before === undefined ? chunk : Buffer.concat([before, chunk]);
    // A line that is longer than all that is kept is not waited for.
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

  /** The last 16 KiB, beginning at a line where something was cut off. */
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
