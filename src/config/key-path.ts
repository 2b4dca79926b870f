/**
 * Takes a key path of cfn-get-metadata or of a hook apart: dots separate, single quotes around a key or a backslash
 * before the dot protect one, a dot at the end counts for nothing. Source: heat-cfntools, Metadata.display; the backslash
 * is ours.
 * @returns undefined when it is none, as in `a..b`
 */
export function parseKeyPath(text: string): readonly string[] | undefined {
  const keys: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const match = /^(?:'([^']+)'|((?:\\\.|[^.])+))(?:\.|$)/.exec(rest);
    if (match === null) return undefined;
    keys.push(match[1] ?? (match[2] as string).replaceAll('\\.', '.'));
    rest = rest.slice(match[0].length);
  }
  return keys.length === 0 ? undefined : keys;
}
