/**
 * V8's snapshot of a heap begins with four numbers of 32 bits, of which the second says whether its strings and tables may be
 * hashed anew, and the version of V8 (src/snapshot/snapshot.cc, SnapshotImpl).
 */
const HEAD = { rehashability: 4, version: 16 } as const;
/** V8's own, and Node's, which has more in it. */
const SNAPSHOTS = 2;

/**
 * Has V8 take the hashes of Node's snapshot as they are. It would draw a seed at each start and hash all of them anew, which is
 * a quarter of the start. The seed guards servers against strangers who send names that collide by design; what a guest reads is
 * its owner's. The option --no-rehash-snapshot does the same, but then V8 refuses the code cache of Node's own modules.
 * @param node the executable, changed in place; nothing moves
 * @param v8Version of the V8 in it
 * @throws Error when Node has changed: the snapshots do not look as they did
 */
export function keepSnapshotHashes(node: Buffer, v8Version: string): void {
  const version = Buffer.from(`${v8Version}\0`);
  const heads: number[] = [];
  for (let at = node.indexOf(version); at !== -1; at = node.indexOf(version, at + 1)) {
    const head = at - HEAD.version;
    if (head >= 0 && node.readUInt32LE(head + HEAD.rehashability) === 1) heads.push(head);
  }
  if (heads.length !== SNAPSHOTS)
    throw new Error(
      `${heads.length} snapshots of V8 ${v8Version}, not ${SNAPSHOTS}: look up SnapshotImpl, and mend the head`,
    );
  for (const head of heads) node.writeUInt32LE(0, head + HEAD.rehashability);
}
