import { type ConfigSection, mergeConfigFiles, type Remarks } from '../../../src/hup/config-sections.ts';
import { parsePythonIni } from '../../../src/python-ini.ts';

export interface Merged {
  readonly sections: ReadonlyMap<string, ConfigSection>;
  readonly remarks: Remarks;
}

/** Files by name, put together. */
export function merged(files: Readonly<Record<string, string>>): Merged {
  const remarks: Remarks = { problems: [], warnings: [] };
  const read = Object.entries(files).map(([path, text]) => ({ path, ini: parsePythonIni(text) }));
  return { sections: mergeConfigFiles(read, remarks), remarks };
}
