import { getRawAsset } from 'node:sea';
import { Script } from 'node:vm';

/** Where each file lies behind the first line of the asset: offset and length. */
export type PackedIndex = Readonly<Record<string, readonly [number, number]>>;

/**
 * Runs a script that scripts/build has put into the binary beside the launcher, with the code that V8 has made of it. All of
 * them are one asset, since Node looks at the head of each asset at each start, and 64 KiB around it come into memory.
 * @param otherwise the script to take when there is none of that name
 * @returns what it exports
 */
export function loadPacked(wanted: string, otherwise = wanted): unknown {
  const asset = Buffer.from(getRawAsset('packed'));
  const first = asset.indexOf('\n') + 1;
  const index = JSON.parse(asset.toString('latin1', 0, first)) as PackedIndex;
  const name = `${wanted}.cjs` in index || `${wanted}.cjs.br` in index ? wanted : otherwise;
  const file = (path: string): Buffer => {
    const [offset, length] = index[path] ?? [0, 0];
    return asset.subarray(first + offset, first + offset + length);
  };
  const source = (): Buffer =>
    `${name}.cjs` in index
      ? file(`${name}.cjs`)
      : process.getBuiltinModule('node:zlib').brotliDecompressSync(file(`${name}.cjs.br`));
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
