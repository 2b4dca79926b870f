/** Offsets of fields in a 64-bit little-endian ELF file (elf(5)): the file header, a program header, a section header. */
const FILE = { programHeaders: 32, sectionHeaders: 40, programHeaderCount: 56, sectionHeaderCount: 60 } as const;
const PROGRAM = { size: 56, type: 0, offset: 8, bytes: 32, alignment: 48 } as const;
const SECTION = { size: 64, type: 4, offset: 24, bytes: 32 } as const;
const LOAD = 1;
const NO_BYTES = 8;
/** The first bytes of an ELF file that is 64-bit and little-endian. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/**
 * Removes the zeros before the segment that the injection has added, which begins far after the end of Node. Addresses do not change.
 * The part after the gap moves by a multiple of the segment's alignment, so it can be mapped as before.
 * @param elf an executable to which a last segment was added
 * @returns a shorter one
 * @throws Error when it is not such a file, or the gap is not empty
 */
export function closeGap(elf: Buffer): Buffer {
  if (!elf.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a 64-bit little-endian ELF file');
  const at = (position: number): number => Number(elf.readBigUInt64LE(position));
  const headers = (first: number, count: number, size: number): number[] =>
    Array.from({ length: elf.readUInt16LE(count) }, (_, index) => at(first) + index * size);
  const segments = headers(FILE.programHeaders, FILE.programHeaderCount, PROGRAM.size);
  const sections = headers(FILE.sectionHeaders, FILE.sectionHeaderCount, SECTION.size);

  const loads = segments.filter((header) => elf.readUInt32LE(header + PROGRAM.type) === LOAD);
  const added = loads.reduce((last, header) =>
    at(header + PROGRAM.offset) > at(last + PROGRAM.offset) ? header : last,
  );
  const start = at(added + PROGRAM.offset);
  const ends = [
    ...segments.map((header) => [at(header + PROGRAM.offset), at(header + PROGRAM.bytes)] as const),
    ...sections
      .filter((header) => elf.readUInt32LE(header + SECTION.type) !== NO_BYTES)
      .map((header) => [at(header + SECTION.offset), at(header + SECTION.bytes)] as const),
    [at(FILE.programHeaders), segments.length * PROGRAM.size] as const,
    [at(FILE.sectionHeaders), sections.length * SECTION.size] as const,
  ];
  const end = Math.max(...ends.filter(([offset]) => offset < start).map(([offset, bytes]) => offset + bytes));
  const alignment = at(added + PROGRAM.alignment);
  const shift = Math.floor((start - end) / alignment) * alignment;
  if (!(shift >= 0)) throw new Error('the last segment overlaps another one');
  if (elf.subarray(start - shift, start).some((byte) => byte !== 0))
    throw new Error('the gap in front of the last segment is not empty');

  const places = [
    FILE.programHeaders,
    FILE.sectionHeaders,
    ...segments.map((header) => header + PROGRAM.offset),
    ...sections.map((header) => header + SECTION.offset),
  ];
  const moved = Buffer.from(elf);
  for (const place of places) if (at(place) >= start) moved.writeBigUInt64LE(BigInt(at(place) - shift), place);
  return Buffer.concat([moved.subarray(0, start - shift), moved.subarray(start)]);
}
