import { closeSync, openSync, readSync } from 'node:fs';
import { getRawAsset } from 'node:sea';
import { Script } from 'node:vm';

/** The first line of the asset. */
export interface PackedIndex {
  /** The position in the executable where this line ends, with a fixed number of digits; scripts/build fills it in. */
  readonly at: string;
  /** The offset of each file after this line, and its length. */
  readonly files: Readonly<Record<string, readonly [number, number]>>;
}

/** The command that runs as a daemon. */
const DAEMON = 'cfn-hup';

/**
 * Runs a script that scripts/build has packed into the binary, with its V8 code cache. All scripts are one asset, since Node
 * reads the head of each asset at each start, which brings 64 KiB around it into memory.
 * @param otherwise the script to run when there is none with that name
 * @returns the exports of the script
 */
export function loadPacked(wanted: string, otherwise = wanted): unknown {
  const asset = Buffer.from(getRawAsset('packed'));
  const first = asset.indexOf('\n') + 1;
  const { at, files } = JSON.parse(asset.toString('latin1', 0, first)) as PackedIndex;
  const name = `${wanted}.cjs` in files || `${wanted}.cjs.br` in files ? wanted : otherwise;
  const file = (path: string): Buffer => {
    const [offset, length] = files[path] ?? [0, 0];
    // The daemon reads a copy, whose memory is freed afterwards. Pages of the mapping would stay in memory once they are read.
    const copy = name === DAEMON ? readExecutable(Number(at) + offset, length) : undefined;
    return copy ?? asset.subarray(first + offset, first + offset + length);
  };
  const source = (): Buffer =>
    `${name}.cjs` in files
      ? file(`${name}.cjs`)
      : // biome-ignore lint/plugin: most starts need nothing that is compressed.
        process.getBuiltinModule('node:zlib').brotliDecompressSync(file(`${name}.cjs.br`));
  const cachedData = file(`${name}.cache`);
  const script = new Script(source().toString('latin1'), {
    filename: `${name}.cjs`,
    // There is no cache when the build ran on another processor.
    ...(cachedData.length === 0 ? {} : { cachedData }),
  });
  const module = { exports: {} };
  (script.runInThisContext() as (...globals: unknown[]) => void)(require, module, module.exports, loadPacked);
  return module.exports;
}

/** @returns undefined when it cannot be read, for example without /proc */
function readExecutable(position: number, length: number): Buffer | undefined {
  try {
    const fd = openSync('/proc/self/exe', 'r');
    try {
      const content = Buffer.allocUnsafeSlow(length);
      return readSync(fd, content, 0, length, position) === length ? content : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
