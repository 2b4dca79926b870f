import { closeSync, openSync, readSync } from 'node:fs';
import { getRawAsset } from 'node:sea';
import { Script } from 'node:vm';

/** The first line of the asset. */
export interface PackedIndex {
  /** Where in the executable the line ends, in digits of a fixed number; scripts/build fills it in. */
  readonly at: string;
  /** Where each file lies behind the line: offset and length. */
  readonly files: Readonly<Record<string, readonly [number, number]>>;
}

/** The command that keeps running. */
const DAEMON = 'cfn-hup';

/**
 * Runs a script that scripts/build has put into the binary beside the launcher, with the code that V8 has made of it. All of
 * them are one asset, since Node looks at the head of each asset at each start, and 64 KiB around it come into memory.
 * @param otherwise the script to take when there is none of that name
 * @returns what it exports
 */
export function loadPacked(wanted: string, otherwise = wanted): unknown {
  const asset = Buffer.from(getRawAsset('packed'));
  const first = asset.indexOf('\n') + 1;
  const { at, files } = JSON.parse(asset.toString('latin1', 0, first)) as PackedIndex;
  const name = `${wanted}.cjs` in files || `${wanted}.cjs.br` in files ? wanted : otherwise;
  const file = (path: string): Buffer => {
    const [offset, length] = files[path] ?? [0, 0];
    // Memory for what was read from a file is freed afterwards. Pages of the mapping that were looked at would stay in
    // memory.
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
    // None for a processor that the build did not run on.
    ...(cachedData.length === 0 ? {} : { cachedData }),
  });
  const module = { exports: {} };
  (script.runInThisContext() as (...globals: unknown[]) => void)(require, module, module.exports, loadPacked);
  return module.exports;
}

/** @returns undefined where that does not work, as without /proc */
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
