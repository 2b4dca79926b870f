export interface PythonIni {
  /** Values by key, in lower case, by section. What stands before the first section is in the section ''. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Lines that are neither a section nor a setting, as in `line 3: neither a section nor a setting`. */
  readonly oddities: readonly string[];
}

/**
 * Reads an INI file as Python's configparser does, which heat, boto and cfn-hup's templates write for: `=` or `:`, whole
 * lines of comment with `#` or `;` (a value may hold both), continuation lines by indentation, `%%` for a `%`. Of a
 * repeated key the last one counts. Source: Python 3 documentation, configparser, "Supported INI File Structure".
 */
export function parsePythonIni(text: string): PythonIni {
  const sections = new Map<string, Map<string, string>>();
  const oddities: string[] = [];
  let section = '';
  let key: string | undefined;
  let indentation = 0;
  const values = (): Map<string, string> => {
    const known = sections.get(section) ?? new Map<string, string>();
    sections.set(section, known);
    return known;
  };
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const indent = raw.length - raw.trimStart().length;
    if (key !== undefined && indent > indentation) {
      values().set(key, `${values().get(key) ?? ''}\n${withoutDoubledPercent(line)}`);
      continue;
    }
    indentation = indent;
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      section = header;
      key = undefined;
      values();
      continue;
    }
    const [, name = '', value = ''] = /^([^=:]*?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    key = name === '' ? undefined : name.toLowerCase();
    if (key === undefined) oddities.push(`line ${index + 1}: neither a section nor a setting`);
    else values().set(key, withoutDoubledPercent(value));
  }
  return { sections, oddities };
}

function withoutDoubledPercent(value: string): string {
  return value.replaceAll('%%', '%');
}
