import { Problem } from '../../errors.ts';
import { percentDecode } from '../../percent-encoding.ts';
import { shownUrl } from '../../url.ts';

const COMPRESSION_ENDING = /(.)\.(?:gz|bz2|xz|zst)$/i;
const TAR_NAME = /\.(?:tar(?:\.[a-z0-9]+)?|tgz|tbz2?|txz|tzst)$/i;

/** True when the URL or path says that it names a tar archive. */
export function isSaidToBeTar(url: string): boolean {
  return TAR_NAME.test(shownUrl(url));
}

/**
 * The name for the one file that a compressed file holds: the last part of the URL without its compression ending.
 * @throws Problem when the URL ends without a name
 */
export function unpackedName(url: string): string {
  const last = shownUrl(url).split('/').at(-1) ?? '';
  const name = (hasScheme(url) ? percentDecode(last) : last).replace(COMPRESSION_ENDING, '$1');
  if (/^\.{0,2}$|[/\0]/.test(name)) {
    throw new Problem('the URL gives no name for the file that it unpacks to', {
      where: shownUrl(url),
      hint: 'end it with the name of a file, as in /notes.txt.gz',
    });
  }
  return name;
}

function hasScheme(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(url);
}
