import type { PackageRequest } from '../../../config/config.ts';
import { lastLine, Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';

/** What rpm calls epoch, version and release, as written in `[EPOCH:]VERSION[-RELEASE]`. */
export interface RpmVersion {
  readonly epoch: string;
  readonly version: string;
  readonly release: string;
}

/** A missing epoch is `0`, a missing release is empty. */
export function parseRpmVersion(text: string): RpmVersion {
  const [, epoch = '0', version = '', release = ''] = /^(?:(\d*):)?(.*?)(?:-([^-]*))?$/s.exec(text) ?? [];
  return { epoch: epoch === '' ? '0' : epoch, version, release };
}

/**
 * For each list of `{epoch, version, release}` prints the place of the newest, from 1 on. rpm.vercmp is there since rpm
 * 4.7; only new versions compare whole versions, so it gets the parts, and none of them empty: without a release a
 * version is older than with one. No `%`, which rpm would read as a macro.
 */
const NEWEST = `
local function newer(a, b)
  for part = 1, 3 do
    if a[part] == "" or b[part] == "" then return b[part] ~= a[part] and b[part] == "" end
    local order = rpm.vercmp(a[part], b[part])
    if order ~= 0 then return order > 0 end
  end
  return false
end
for _, list in ipairs(lists) do
  local newest = 1
  for at = 2, #list do if newer(list[at], list[newest]) then newest = at end end
  print("newest " .. newest .. ";")
end`;
/** Text of these characters can be quoted in a program as it is. `*` is for anything, as in dnf. */
const COMPARABLE = /^[A-Za-z0-9._+~^:*-]+$/;

/**
 * The requests, of the versions that each lists only the newest left (contract section 3), which rpm is asked for: one
 * process for all of them, and none where there is nothing to choose.
 * @throws Problem that names a package whose versions rpm cannot compare
 */
export async function keepNewest(
  requests: readonly PackageRequest[],
  { system }: World,
): Promise<readonly PackageRequest[]> {
  const listing = requests.filter(({ versions }) => versions.length > 1);
  if (listing.length === 0) return requests;
  for (const { name, versions } of listing) {
    const odd = versions.find((version) => !COMPARABLE.test(version));
    if (odd !== undefined)
      throw notComparable([name], `${JSON.stringify(odd)} is not a version`, 'list versions only, or a single one');
  }
  const lists = listing.map(({ versions }) => `{${versions.map((text) => tableOf(parseRpmVersion(text))).join(', ')}}`);
  const program = `local lists = {${lists.join(', ')}}${NEWEST}`.replaceAll(/\s*\n\s*/g, ' ');
  const { stdout, output } = await system.exec.query(['rpm', '--eval', `%{lua:${program}}`]);
  const places = [...stdout.matchAll(/newest (\d+);/g)].map(([, place]) => Number(place) - 1);
  if (places.length !== listing.length)
    throw notComparable(
      listing.map(({ name }) => name),
      lastLine(output),
      'list a single version of each',
      output,
    );
  return requests.map((request) => {
    const at = listing.indexOf(request);
    if (at < 0) return request;
    return { name: request.name, versions: request.versions.filter((_, place) => place === places[at]) };
  });
}

function tableOf({ epoch, version, release }: RpmVersion): string {
  return `{"${epoch}", "${version}", "${release}"}`;
}

function notComparable(names: readonly string[], why: string, hint: string, output = ''): Problem {
  return new Problem(`rpm cannot tell which of the versions of ${names.join(', ')} is the newest: ${why}`, {
    where: 'packages',
    hint,
    output,
  });
}
