import { parentOf } from './place.ts';

/** A file or link for one place below the destination. `staged` names it in the scratch directory. */
export type Leaf =
  | { readonly kind: 'file'; readonly staged: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly staged: string; readonly target: string };

/** A directory of the archive, its own or one that other names imply. */
export interface Branch {
  /** Undefined when the archive has no entry for the directory itself. */
  mode: number | undefined;
  readonly directories: Set<string>;
  readonly leaves: Map<string, Leaf>;
}

/** Everything an archive holds, by place. Parents come before their children; the destination itself is the place ``. */
export type Tree = ReadonlyMap<string, Readonly<Branch>>;

/**
 * Collects what an archive holds. Every method that adds returns why the entry is refused, or undefined: whatever the
 * order of the entries, no place may be both a directory and something else, so nothing can be put through a link.
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

  /** Asks for a place. A file may come twice, as tar --append makes it: the later one counts. */
  refuseLeaf(place: string, kind: Leaf['kind']): string | undefined {
    if (this.#branches.has(place)) return 'is a directory elsewhere in the archive';
    const known = this.leaf(place);
    if (known !== undefined && known.kind !== kind) return `is a ${known.kind} elsewhere in the archive`;
    return this.addDirectory(parentOf(place) ?? '', undefined);
  }

  /** Adds what refuseLeaf did not refuse. */
  addLeaf(place: string, leaf: Leaf): void {
    this.#branches.get(parentOf(place) ?? '')?.leaves.set(nameOf(place), leaf);
  }

  /** Takes away the top directory when it is the only thing at the top. */
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
