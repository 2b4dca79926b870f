/** As much of a program's output as a person will read. */
const MOST_BYTES = 16 * 1024;

/** Keeps the end of a stream in bounded memory. */
export class OutputTail {
  #chunks: Buffer[] = [];
  #length = 0;
  #cut = false;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length > 2 * MOST_BYTES) this.#trim();
  }

  /** The last 16 KiB, beginning at a line where something was cut off. */
  text(): string {
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
