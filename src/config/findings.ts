import { placeOf } from './place.ts';

/** Something the author of a document should know. An error keeps the document from being applied. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** JSON pointer to the value in the document, for programs; people read placeOf it. */
  readonly pointer: string;
  readonly what: string;
  readonly hint?: string;
}

/** `what: where in words: what next`, without the command's name. */
export function findingLine({ what, pointer, hint }: Finding): string {
  return [what, placeOf(pointer), hint].filter((part) => part !== undefined && part !== '').join(': ');
}

/** Whether a finding keeps the document from being applied. */
/** The warning about a key that nobody reads. */
export function unknownKey(key: string, pointer: string, hint: string): Finding {
  return { severity: 'warning', what: `unknown key ${JSON.stringify(key)} is ignored`, pointer, hint };
}

export function isError(finding: Finding): boolean {
  return finding.severity === 'error';
}
