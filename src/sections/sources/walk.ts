import { Problem } from '../../errors.ts';
import type { FileSystem, OpenDirectory } from '../../system/files/file-system.ts';
import { isWithin, pathOf } from './place.ts';

/**
 * Opens the directories below a destination, each from its open parent: opening a directory at a depth of a thousand by its path would
 * take a thousand steps. Keeps the directories on the way to the last one open.
 */
export class Walk {
  readonly #files: FileSystem;
  readonly #top: OpenDirectory;
  readonly #destination: string;
  readonly #way: { readonly place: string; readonly directory: OpenDirectory }[] = [];

  /** @param top the open destination, which the caller closes */
  constructor(files: FileSystem, top: OpenDirectory, destination: string) {
    this.#files = files;
    this.#top = top;
    this.#destination = destination;
  }

  /** The directory at a place, open until the next call. @throws Problem when it does not exist or is not in the destination */
  to(place: string): OpenDirectory {
    const way = this.#way;
    while (way.length > 0 && !isWithin(place, way.at(-1)?.place ?? '')) way.pop()?.directory.close();
    for (;;) {
      const { place: last, directory } = way.at(-1) ?? { place: '', directory: this.#top };
      if (last === place) return directory;
      const start = last === '' ? 0 : last.length + 1;
      const slash = place.indexOf('/', start);
      const next = slash < 0 ? place : place.slice(0, slash);
      const child = directory.openChild(next.slice(start)) ?? this.#throughLink(next);
      way.push({ place: next, directory: child });
    }
  }

  close(): void {
    for (const { directory } of this.#way.splice(0)) directory.close();
  }

  /** Opens a directory by its path, and checks in the kernel where it is. */
  #throughLink(place: string): OpenDirectory {
    const path = pathOf(this.#destination, place);
    const directory = this.#files.openDirectory(path);
    try {
      if (isWithin(directory.realPath(), this.#top.realPath())) return directory;
      throw new Problem('a symbolic link on the way leads out of the destination', {
        where: path,
        hint: `remove the link, or unpack below ${directory.realPath()} itself`,
      });
    } catch (error) {
      directory.close();
      throw error;
    }
  }
}
