/**
 * A heap snapshot of V8 begins with four 32-bit numbers and the version of V8. The second number says whether its strings and tables may
 * be hashed again (src/snapshot/snapshot.cc, SnapshotImpl).
 */
const HEAD = { rehashability: 4, version: 16 } as const;
/** The snapshot of V8, and that of Node, which contains more. */
const SNAPSHOTS = 2;

/**
 * Makes V8 use the hashes in the snapshot of Node. Otherwise V8 would choose a random seed at each start and hash everything again,
 * which takes a quarter of the start. The seed protects servers against strangers who send names with colliding hashes; a guest reads
 * only data of its owner. The option --no-rehash-snapshot does the same, but then V8 refuses the code cache of Node's own modules.
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
