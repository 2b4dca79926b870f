import { parentOf } from './place.ts';

/** A file or link for one place below the destination. `staged` is its name in the scratch directory. */
export type Leaf =
  | { readonly kind: 'file'; readonly staged: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly staged: string; readonly target: string };

/** A directory of the archive: with an entry of its own, or only implied by other names. */
export interface Branch {
  /** Undefined when the archive has no entry for the directory itself. */
  mode: number | undefined;
  readonly directories: Set<string>;
  readonly leaves: Map<string, Leaf>;
}

/** The whole content of an archive, by place. Parents come before their children. The place of the destination itself is empty. */
export type Tree = ReadonlyMap<string, Readonly<Branch>>;

/**
 * Collects the content of an archive. Methods that add an entry return why it is refused, or undefined. Whatever the order of the
 * entries, no place may be both a directory and something else, so nothing can be written through a link.
 */
export class Contents {
  #branches = new Map<string, Branch>([['', newBranch()]]);

  get tree(): Tree {
    return this.#branches;
  }

  /** The file or link at the place. */
  leaf(place: string): Leaf | undefined {
    return this.#branches.get(parentOf(place) ?? '')?.leaves.get(nameOf(place));
  }

  addDirectory(place: string, mode: number | undefined): string | undefined {
    const known = this.#branches.get(place);
    if (known !== undefined) {
      known.mode = mode ?? known.mode;
      return undefined;
    }
    const parent = parentOf(place) ?? '';
    const refusal = this.addDirectory(parent, undefined);
    if (refusal !== undefined) return refusal;
    const name = nameOf(place);
    const taken = this.#branches.get(parent)?.leaves.get(name);
    if (taken !== undefined) return `goes through ${JSON.stringify(place)}, which is a ${taken.kind} in the archive`;
    this.#branches.get(parent)?.directories.add(name);
    this.#branches.set(place, { ...newBranch(), mode });
    return undefined;
  }

  /** Checks whether a place is free. A file may occur twice, as tar --append makes it; the later one counts. */
  refuseLeaf(place: string, kind: Leaf['kind']): string | undefined {
    if (this.#branches.has(place)) return 'is a directory elsewhere in the archive';
    const known = this.leaf(place);
    if (known !== undefined && known.kind !== kind) return `is a ${known.kind} elsewhere in the archive`;
    return this.addDirectory(parentOf(place) ?? '', undefined);
  }

  /** Adds a leaf that refuseLeaf did not refuse. */
  addLeaf(place: string, leaf: Leaf): void {
    this.#branches.get(parentOf(place) ?? '')?.leaves.set(nameOf(place), leaf);
  }

  /** Removes the top directory when it is the only entry at the top. */
  stripTop(): void {
    const top = this.#branches.get('');
    const [name, ...others] = top?.directories ?? [];
    if (name === undefined || others.length > 0 || top?.leaves.size !== 0) return;
    const stripped = new Map<string, Branch>();
    for (const [place, branch] of this.#branches) {
      if (place !== '') stripped.set(place.slice(name.length + 1), branch);
    }
    this.#branches = stripped;
  }
}

function newBranch(): Branch {
  return { mode: undefined, directories: new Set(), leaves: new Map() };
}

function nameOf(place: string): string {
  return place.slice(place.lastIndexOf('/') + 1);
}
