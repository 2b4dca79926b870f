import { wordsIn } from '../json.ts';
import { once } from '../once.ts';
import { percentDecode } from '../percent-encoding.ts';
import { replaceUserInfo } from '../url.ts';
import { argumentsIn } from './forms.ts';
import {
  isCredentialVariable,
  isOpenLine,
  isOrdinary,
  isOrdinaryName,
  isPlaceholder,
  isSecretName,
  isSecretParameter,
  isSecretVariable,
  isShortWord,
  mayNameSecrets,
  parametersOf,
  SHORTEST_SECRET,
  SHORTEST_VALUE_OF_ANY_NAME,
} from './names.ts';

/** What is looked for in texts. */
const patterns = once(() => ({
  /** A setting in any language: a name, something between, a value in quotes or without. */
  setting:
    /(?<![\w.-])([\w.-]+)\\?["']?[ \t]*(?:=>|:=|[:=]|,(?=[ \t]*["']))[ \t]*(?:"((?:[^"\\\n]|\\.){0,500})"|'((?:[^'\\\n]|\\.){0,500})'|([^\s"',;)}\]]+))/g,
  /** Bounded: otherwise the time for quotes that are never closed grows with the square of their number. */
  quoted: /(?<!\\)(?:"((?:[^"\\\n]|\\.){1,500})"|'([^'\n]{1,500})')([ \t]*[:=])?/g,
  /** `requirepass x`, `machine h login d password x`. */
  keyword: /(?<![^\s])([\w.-]{2,40})(?=[ \t]+([^\s"',;]{1,200}))/g,
  keywordOfSecret: /(?:pass|pw|password|passwd|secret|token)$/i,
  /** A word between blanks, separators, quotes and tags: letters and digits, maybe with others; not the name of a setting. */
  word: /(?<![^\s:,;="'<>()[\]{}|])(?=[^\s\d:,;="'<>()[\]{}|]{0,199}\d)(?=[^\sa-z:,;="'<>()[\]{}|]{0,199}[a-z])[^\s:,;="'<>()[\]{}|]{8,200}(?![^\s:,;="'<>()[\]{}|]|["']?[ \t]{0,9}=[ \t]{0,9}[^\s=]|["'][ \t]{0,9}:|:[ \t])/gi,
  /** `libapache2-mod-php8.2`, `utf8mb4_general_ci`, `web01.example.org`: words with numbers, as in names of packages and hosts. */
  numberedName: /^[-+~/@$%*.]*(?:(?:(?:[a-z]{2,}\d{1,4}){1,2}[a-z]?|[a-z]+|v?\d{1,8})(?:[-_.+~/@*]+|$))+$/i,
  query: /(?:[?#]|(?<![^\s'"<>])&)([^\s'"<>?#]*=[^\s'"<>]*)/g,
}));

/** The user information and signatures of the URLs in a text. */
export function secretsInUrls(text: string): readonly string[] {
  if (!text.includes('://') && !/[?&]/.test(text)) return [];
  const found: string[] = [];
  replaceUserInfo(text, (userInfo) => {
    const at = userInfo.indexOf(':');
    const password = at < 0 ? userInfo : userInfo.slice(at + 1);
    // A user without a password counts only if it looks like a token.
    if (at >= 0 || (password.length >= SHORTEST_VALUE_OF_ANY_NAME && !isShortWord(password)))
      found.push(password, percentDecode(password));
    if (at >= 0) found.push(Buffer.from(percentDecode(userInfo)).toString('base64'));
    return '';
  });
  for (const [, query = ''] of text.matchAll(patterns().query))
    for (const { name, value } of parametersOf(query))
      if (isSecretParameter(name) && !/^\d*$/.test(value)) found.push(value, percentDecode(value));
  return found.filter((value) => value.length >= SHORTEST_SECRET);
}

/** The values that a text names as a password, a token or a key, and the secrets of its URLs. */
function secretsInText(text: string): readonly string[] {
  const found = [...secretsInUrls(text)];
  if (!mayNameSecrets(text)) return found;
  for (const { name, value } of settingsOf(text))
    if (isSecretName(name) && isHidden(value) && !isShortWord(value)) found.push(value);
  return found;
}

/** What a private file, or a script, names as a secret, and the secrets of its URLs. */
export function secretsNamedIn(text: string): readonly string[] {
  const found = [
    ...secretsInUrls(text),
    ...argumentsIn(text).filter((value) => isHidden(value) && !isShortWord(value)),
  ];
  if (!mayNameSecrets(text) && !/pw|salt|auth|dsn|cookie|jwt/i.test(text)) return found;
  for (const { name, value } of settingsOf(text)) if (isTelling(name) && isHidden(value)) found.push(value);
  for (const [, name = '', value = ''] of text.matchAll(patterns().keyword))
    if (patterns().keywordOfSecret.test(name) && isHidden(value) && (/^\d+$/.test(value) || !isOrdinary(value)))
      found.push(value);
  return found;
}

/** The values in a private file that are not ordinary, although they have no telling name. */
export function telltalesIn(content: string): readonly string[] {
  const found: string[] = [];
  const text = content
    .split('\n')
    .filter((line) => !isOpenLine(line.trim()))
    .join('\n');
  for (const { name, value } of settingsOf(text)) if (!isOrdinaryName(name) && isTelltale(value)) found.push(value);
  for (const [, double, single = '', separator] of text.matchAll(patterns().quoted)) {
    const value = double ?? single;
    // A quoted text before a separator is a name.
    if (separator === undefined && isTelltale(value)) found.push(value);
  }
  for (const [word] of text.matchAll(patterns().word))
    if (isTelltale(word) && !patterns().numberedName.test(word)) found.push(word);
  return found;
}

/**
 * The secrets of a document: what has the name of a secret, is in the environment of a command or in a URL, or follows
 * `password=` and the like in a text. A value that is also a name in the document, or the value of a user or a host, is not secret.
 */
export function secretsInDocument(document: unknown): readonly string[] {
  const named: string[] = [];
  const found: string[] = [];
  const open = new Set<string>();
  const rest: (readonly [key: string, value: unknown, isVariable: boolean])[] = [['', document, false]];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [key, value, isVariable] = next;
    if (Array.isArray(value)) for (const item of value) rest.push([key, item, false]);
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value)) {
        rest.push([name, item, key === 'env']);
        open.add(name);
        if (name.includes('://')) for (const secret of secretsInUrls(name)) found.push(secret);
      }
    else if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value);
      if (isVariable && isSecretVariable(key, text)) named.push(text);
      else if (isSecretName(key) && isHidden(text) && !isShortWord(text)) named.push(text);
      else if (isOrdinaryName(key)) open.add(text);
      if (/[=:?,]/.test(text)) for (const secret of secretsInText(text)) found.push(secret);
    }
  }
  return [...found, ...named.filter((value) => !open.has(value))];
}

/** The numbers in the text of a JSON document with the name of a secret, as they are written: JSON.parse rounds long ones. */
export function secretNumbersIn(text: string): readonly string[] {
  return wordsIn(text).flatMap(({ name, word }) =>
    word.length >= SHORTEST_SECRET && /^-?\d/.test(word) && isSecretName(name) ? [word] : [],
  );
}

/** The secrets of an environment. */
export function secretsInEnvironment(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(environment).flatMap(([name, value = '']) => [
    ...(isCredentialVariable(name) && isSecretVariable(name, value) ? [value] : []),
    // A proxy may be written without its scheme.
    ...(value.includes('@')
      ? secretsInUrls(/proxy$/i.test(name) ? value.replace(/^(?!.*:\/\/)/s, 'http://') : value)
      : []),
  ]);
}

function isTelling(name: string): boolean {
  return isSecretName(name) || isCredentialVariable(name);
}

function isHidden(value: string): boolean {
  return value.length >= SHORTEST_SECRET && !isPlaceholder(value);
}

function isTelltale(value: string): boolean {
  return value.length >= SHORTEST_VALUE_OF_ANY_NAME && !isOrdinary(value);
}

/** Takes linear time for any text, since a name is searched only where a word begins. */
function* settingsOf(text: string): Iterable<{ readonly name: string; readonly value: string }> {
  for (const [, name = '', double, single, bare = ''] of text.matchAll(patterns().setting))
    yield { name, value: double ?? single ?? bare };
}
