/** Reads a boolean as templates write it: true/false, yes/no, y/n (AWS's), 1/0, as a value or as text in any case; else undefined. */
export function parseBoolean(value: unknown): boolean | undefined {
  switch (String(value).trim().toLowerCase()) {
    case 'true':
    case 'yes':
    case 'y':
    case '1':
      return true;
    case 'false':
    case 'no':
    case 'n':
    case '0':
      return false;
    default:
      return undefined;
  }
}
