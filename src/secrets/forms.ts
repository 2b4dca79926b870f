import { once } from '../once.ts';
import { replaceUserInfo } from '../url.ts';
import { isPlaceholder, isSecretQuery, SECRET_WORD, SECRET_WORD_END } from './names.ts';

/** Replaces each secret. */
export const REDACTED = '[redacted]';

/** Made on demand: most lines need none of them. */
const patterns = once(() => ({
  encodedUserInfo: /(%3a%2f%2f)(?:(?!%2f|%40)[^\s&'"<>]){1,999}%40/gi,
  /** Up to the end of the line. A value that is hidden already is skipped, since our own sentence may follow it. */
  header:
    /((?:proxy-)?authorization|(?<![\w-])x-[\w-]*(?:token|api-?key)|(?:set-)?cookie2?)(\\?["']?[ \t]*[:=](?![ \t]*\[redacted\](?:: |$))[ \t]*)[^\r\n]+/gi,
  keyBegin: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----/g,
  keyMark: /-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----/g,
  keyEnd: /-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----/g,
  /** The parameters of a URL, or of a part of one: `GET /v1/container/object?temp_url_sig=...`. */
  query: /([?#])([^\s'"<>?#]*=[^\s'"<>]*)/g,
  /** A name that ends with the word for a secret, and the separator before its value. */
  setting: new RegExp(
    `(${SECRET_WORD})${SECRET_WORD_END}(\\\\?["']?\\]?[ \\t]*(?:=>|:=|[:=](?!=))|["'][ \\t]*,(?=[ \\t]*["']))([ \\t]*)`,
    'gi',
  ),
  password: /pass|pwd/i,
  /** Quotes and separators inside a value belong to it; those at its end do not. In pieces, since a long one overflows the stack. */
  bare: /(?:[^\s,;&:"'<>]|:(?!\s|$)|[,;&](?!\s|$|[\w.-]+\s*[=:]|["'])|["'](?![\s,;}\]):"']|$)){1,999}/y,
  restOfLine: /[^\r\n]*[^\s]/y,
  /** `--password x`; with `=` it is a setting. */
  option:
    /((?<![\w-])--?[\w-]*(?:passphrase|passwd|password|secret|token|pwd|credentials?|(?:api|access|secret|auth|private|account)-?key|(?:store|key|user|db|admin|root|(?<![a-z]))pass|storepass|keypass)[ \t]+)(?:("[^"]*"|'[^']*')|(\S+))/gi,
  /** A word after the name of an option or a setting by which a sentence goes on. */
  noValue:
    /^(?:-|\[redacted\]|(?:an?|and|are|as|at|be|both|but|by|cannot|comes|for|from|given?|has|have|if|in|instead|is|it|may|must|needs?|nor?|not|of|on|options?|or|takes|that|the|this|to|was|were|wants?|when|which|with|without)[.,:;]?$)/,
  /** Programs that take a password as a short option, and the rest of their command line. */
  program:
    /\b(?:mysql\w*|mariadb[\w-]*|mongo\w*|sshpass|7z\w?|redis-cli|ldap\w+|curl|openssl|zip|unzip|smbclient|user(?:add|mod))\b[^\n|;&]{0,2000}/g,
  arguments: [
    [/^(?:mysql|mariadb|sshpass|mongo|7z)/, /(\s-p)("[^"]*"|'[^']*'|[^\s"']+)/g],
    [/^(?:sshpass|mongo)/, /(\s-p\s+)("[^"]*"|'[^']*'|\S+)/g],
    [/^mysqladmin/, /(\spassword\s+)("[^"]*"|'[^']*'|\S+)/g],
    [/^(?:zip|unzip)/, /(\s-P\s*)("[^"]*"|'[^']*'|\S+)/g],
    [/^redis-cli/, /(\s-a\s+)("[^"]*"|'[^']*'|\S+)/g],
    [/^ldap/, /(\s-w\s*)("[^"]*"|'[^']*'|\S+)/g],
    [/^curl/, /(\s(?:-u|-U|--user|--proxy-user)[\s=]*["']?[^\s:"']+:)("[^"]*"|'[^']*'|[^\s"']+)/g],
    [/^openssl/, /(\spass:)(\S+)/g],
    [/^user(?:add|mod)/, /(\s(?:-p|--password)[\s=]*)("[^"]*"|'[^']*'|\S+)/g],
    [/^smbclient/, /(\s(?:-U|--user)[\s=]*[^\s%]+%)(\S+)/g],
  ] as readonly (readonly [program: RegExp, argument: RegExp])[],
  /** `<password>x</password>`, `key="password" value="x"`. */
  xml: new RegExp(`((?:${SECRET_WORD})${SECRET_WORD_END}(?:>|["'][ \\t]+value=["']))([^<>"'\\n]+)(?=</|["'])`, 'gi'),
  sql: /(\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?|\bpassword\s*\(\s*|\bpassword\s+)(["'])(?:(?!\2)(?:[^\\\n]|\\[^\n])){1,999}\2/gi,
  schemeAndToken: /\b(bearer|basic)([ \t]+)([A-Za-z0-9._~+/=-]{8,})/gi,
  /** JSON web tokens, Keystone's tokens, and those of services that give theirs a prefix. */
  token:
    /\b(?:eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?|gAAAAA[\w-]{40,}={0,2}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|hvs\.[\w-]{20,}|npm_\w{30,}|pypi-[\w-]{40,}|AIza[\w-]{35}|(?:sk|rk)_live_\w{16,})/g,
  login: /(?:^|[\s"'`<>=(,[{]|\/\/)([\w.%+\\-]+):(\S+)$/,
  noUsers: /^(?:mailto|sips?|xmpp|acct|npm|git|ssh|\d{1,2}|\d{4}-\d\d-\d\dT\d\d)$/i,
  /** What comes before a proxy's user. */
  proxy: /proxy["']?[\s:=]+["']?$/i,
  /** A host with a port; or a name with a domain that is neither a version nor a unit of systemd; or an address. */
  hostAndPort: /^(?:\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)*):\d{1,5}(?![\w-]|[.:]\w)/i,
  fullHost:
    /^(?:(?!\d+\.)[\w-]+(?:\.[\w-]+)*\.(?!(?:service|socket|timer|mount|automount|target|path|slice|scope|swap|device)\b)[a-z]{2,}|\d{1,3}(?:\.\d{1,3}){3})(?![\w-]|[.:]\w)/i,
  /** The front part of a mail address, as in `from:jane.doe@example.org`. */
  mailbox: /^[a-z]+(?:[._-][a-z]+)*$/i,
  portOrId: /^\d{1,5}$/,
}));

/** What programs say after `passwd: ` or `token: `. */
const messages = once(() => ({
  /** passwd, chpasswd, htpasswd. */
  program: /^passwd$/,
  prose: /^[a-z]{2,}[.,:;!?]?$/i,
  /** `password: x, user: y`. */
  nextSetting: /^\S+[ \t]+[a-z][\w.-]*[ \t]*[:=]/i,
  /** A date, or a number in hexadecimal. */
  noToken: /^(?:\d{4}-\d\d-\d\d|0x[\da-f]{1,8}\b)/i,
}));
const LONGEST_MESSAGE = 500;

/** Replaces what can be recognised as a secret by its form. */
export function redactForms(text: string): string {
  let clean = hidePrivateKeys(text);
  if (clean.includes('://')) clean = replaceUserInfo(clean, () => `${REDACTED}@`);
  if (clean.includes('=')) clean = hideQueries(clean);
  if (clean.includes('%40')) clean = clean.replace(patterns().encodedUserInfo, `$1${REDACTED}%40`);
  clean = inLinesWithSigns(clean);
  // Checked first: few lines have any, and these patterns take half a millisecond to make.
  if (/[ \t]-|pass/.test(clean)) clean = clean.replace(patterns().program, hideArguments);
  if (LONG_WORD.test(clean)) clean = clean.replace(patterns().token, REDACTED);
  return clean.includes('@') ? hideLogins(clean) : clean;
}

/** hideInLine finds nothing in a line without one of these. Most lines have none, and this check is cheap. */
const SIGN =
  /pass|pwd|secret|token|credential|key|signature|temp_url|connection|authorization|cookie|bearer|basic|identified/gi;

function inLinesWithSigns(text: string): string {
  let result = '';
  let copied = 0;
  SIGN.lastIndex = 0;
  for (let sign = SIGN.exec(text); sign !== null; sign = SIGN.exec(text)) {
    const begin = Math.max(copied, text.lastIndexOf('\n', sign.index) + 1);
    const next = text.indexOf('\n', sign.index);
    const end = next < 0 ? text.length : next;
    const line = text.slice(begin, end);
    const clean = hideInLine(line);
    if (clean !== line) {
      result += text.slice(copied, begin) + clean;
      copied = end;
    }
    SIGN.lastIndex = end;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

function hideInLine(line: string): string {
  const { header, option, xml, sql, schemeAndToken } = patterns();
  return hideSettings(line.replace(header, `$1$2${REDACTED}`))
    .replace(option, hideOption)
    .replace(xml, `$1${REDACTED}`)
    .replace(sql, `$1$2${REDACTED}$2`)
    .replace(schemeAndToken, hideToken);
}

/** Private keys in PEM, also in output that begins or ends within a key, and with `\n` for their line ends. */
function hidePrivateKeys(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text;
  let result = '';
  let copied = 0;
  const { keyBegin, keyEnd } = patterns();
  let begin = nextMatch(keyBegin, text, 0);
  let end = nextMatch(keyEnd, text, 0);
  for (;;) {
    if (begin !== null && begin.index < copied) begin = nextMatch(keyBegin, text, copied);
    if (end !== null && end.index < copied) end = nextMatch(keyEnd, text, copied);
    if (begin === null && end === null) return result + text.slice(copied);
    if (begin !== null && (end === null || begin.index < end.index)) {
      const from = begin.index + begin[0].length;
      const to = end?.index ?? text.length;
      result += `${text.slice(copied, from)}${from < to ? REDACTED : ''}`;
      copied = to;
    } else if (end !== null) {
      const from = keyLinesBefore(text, copied, end.index);
      const to = end.index + end[0].length;
      result += `${text.slice(copied, from)}${from < end.index ? REDACTED : ''}${end[0]}`;
      copied = to;
    }
  }
}

/**
 * Whether a private key continues after a line, for lines that come one by one.
 * @param before whether the line itself continues a key
 */
export function isInPrivateKey(line: string, before: boolean): boolean {
  let isInside = before;
  if (line.includes('PRIVATE KEY'))
    for (const [mark] of line.matchAll(patterns().keyMark)) isInside = mark.startsWith('-----BEGIN');
  return isInside;
}

function nextMatch(pattern: RegExp, text: string, from: number): RegExpExecArray | null {
  pattern.lastIndex = from;
  return pattern.exec(text);
}

/** Where the lines of base64 begin that end at a place. */
function keyLinesBefore(text: string, floor: number, end: number): number {
  let from = end;
  while (from > floor && /[A-Za-z0-9+/=\r\n\\]/.test(text[from - 1] as string)) from--;
  return from;
}

function hideQueries(text: string): string {
  return text.replace(patterns().query, (whole, mark: string, query: string) =>
    isSecretQuery(query) ? `${mark}${REDACTED}` : whole,
  );
}

/** Values of settings: `password = x`, `"password": "x"`, `DB_PASSWORD=x`, `secret_key: x`, `define('PASSWORD', 'x')`. */
function hideSettings(text: string): string {
  const { setting } = patterns();
  let result = '';
  let copied = 0;
  setting.lastIndex = 0;
  for (let match = setting.exec(text); match !== null; match = setting.exec(text)) {
    const [, word = '', separator = '', blanks = ''] = match;
    const from = setting.lastIndex;
    const value = valueAt(text, from, match.index, word, `${separator}${blanks}`);
    if (value === undefined) continue;
    result += text.slice(copied, from + value.skip) + REDACTED;
    copied = from + value.skip + value.length;
    setting.lastIndex = copied;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

/** The part to hide after a name: without the quotes, so that the text keeps its syntax. */
function valueAt(
  text: string,
  from: number,
  name: number,
  word: string,
  separator: string,
): { readonly skip: number; readonly length: number } | undefined {
  const quoted = quotedAt(text, from);
  if (quoted !== undefined) {
    const skip = quoted.startsWith('\\') ? 2 : 1;
    const value = quoted.slice(skip);
    return value === '' || isPlaceholder(value) ? undefined : { skip, length: value.length };
  }
  const bare = bareAt(text, from);
  if (bare === undefined || isPlaceholder(bare.replace(/[).,;:]+$/, ''))) return undefined;
  // `AWSSecretKey= in the credential file` names a setting.
  if (/[ \t]$/.test(separator) && patterns().noValue.test(bare)) return undefined;
  // `token: unexpected` is a message about a token.
  if (isMessage(text, from, name, word, separator)) return undefined;
  const isSaid = /[:]\s+$/.test(separator) && /^[A-Za-z]*[.:!?]?$/.test(bare);
  if (isSaid && !patterns().password.test(word) && !isLineStart(text, name)) return undefined;
  const isWholeLine = /[ \t]$/.test(separator) && patterns().password.test(word) && isLineStart(text, name);
  const value = isWholeLine ? (sticky(patterns().restOfLine, text, from) ?? bare) : bare;
  return { skip: 0, length: value.length };
}

/** True for `passwd: user 'joe' does not exist` and `bad token: 0x1F at offset 33`, which say something about a secret. */
function isMessage(text: string, from: number, name: number, word: string, separator: string): boolean {
  if (!/:[ \t]+$/.test(separator)) return false;
  const { program, prose, nextSetting, noToken } = messages();
  const rest = sticky(patterns().restOfLine, text.slice(from, from + LONGEST_MESSAGE), 0) ?? '';
  if (!patterns().password.test(word) && !isLineStart(text, name) && noToken.test(rest)) return true;
  const words = rest.split(/[ \t]+/);
  const isProse = prose.test(words[0] ?? '') && words.filter((one) => prose.test(one)).length > 1;
  return isProse && (!nextSetting.test(rest) || (program.test(word) && isLineStart(text, name)));
}

/** True if nothing but the beginning of the name comes before this place in its line. */
function isLineStart(text: string, at: number): boolean {
  return /(?:^|\n)[ \t>*-]{0,20}[\w.-]{0,60}$/.test(text.slice(Math.max(0, at - 82), at)) || at === 0;
}

/** The text in quotes, which may be escaped themselves, that begins at a place, without the quote at its end. */
function quotedAt(text: string, from: number): string | undefined {
  const quote = /^\\?["']/.exec(text.slice(from, from + 2))?.[0];
  if (quote === undefined) return undefined;
  let end = from + quote.length;
  while (end < text.length && text[end] !== '\n' && !text.startsWith(quote, end)) {
    if (text[end] === '\\' && /^(?:\n|$)/.test(text[end + 1] ?? '')) break;
    end += text[end] === '\\' ? 2 : 1;
  }
  return text.slice(from, end);
}

function bareAt(text: string, from: number): string | undefined {
  let end = from;
  for (let piece = sticky(patterns().bare, text, end); piece !== undefined; piece = sticky(patterns().bare, text, end))
    end += piece.length;
  return end === from ? undefined : text.slice(from, end);
}

function sticky(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function hideOption(whole: string, option: string, quoted: string | undefined, bare: string | undefined): string {
  if (quoted !== undefined) return `${option}${quoted[0]}${REDACTED}${quoted[0]}`;
  return patterns().noValue.test(bare ?? '') || isPlaceholder(bare ?? '') ? whole : `${option}${REDACTED}`;
}

function hideArguments(call: string): string {
  let clean = call;
  for (const [program, argument] of patterns().arguments)
    if (program.test(call)) clean = clean.replace(argument, `$1${REDACTED}`);
  return clean;
}

/** The values that hideArguments and hideOption hide in a text. */
export function argumentsIn(text: string): readonly string[] {
  const found: string[] = [];
  const add = (value: string | undefined): void => {
    const bare = value?.replace(/^(["'])(.*)\1$/s, '$2') ?? '';
    if (!patterns().noValue.test(bare)) found.push(bare);
  };
  for (const [, , quoted, bare] of text.matchAll(patterns().option)) add(quoted ?? bare);
  if (!/[ \t]-|pass/.test(text)) return found;
  for (const [call] of text.matchAll(patterns().program))
    for (const [program, argument] of patterns().arguments)
      if (program.test(call)) for (const [, , value] of call.matchAll(argument)) add(value);
  return found;
}

/** Tokens are at least this long. */
const LONG_WORD = /[\w.-]{15}/;

function hideToken(whole: string, scheme: string, blanks: string, token: string): string {
  const isToken =
    scheme.toLowerCase() === 'bearer'
      ? /[^a-z.]/.test(token)
      : /:/.test(Buffer.from(token, 'base64').toString('latin1')) && /[^a-z]/.test(token);
  return isToken ? `${scheme}${blanks}${REDACTED}` : whole;
}

/** How many characters before a `@` are searched. */
const LONGEST_LOGIN = 160;

/** How many characters after a `@` are read: the longest host name and a port. */
const LONGEST_HOST = 260;

/**
 * `user:password@host` without a scheme, as the value of a proxy may be. JSON pointers, versions of packages, images, units
 * and mail addresses look much like it, so a host has to follow the `@`.
 */
function hideLogins(text: string): string {
  let result = '';
  let copied = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (!/^[\w[]/.test(text[at + 1] ?? '') || /^sha\d+:/.test(text.slice(at + 1, at + 9))) continue;
    const before = text.slice(Math.max(copied, at - LONGEST_LOGIN), at);
    const [whole = '', user = '', password = ''] = patterns().login.exec(before) ?? [];
    if (password === '' || password.endsWith(REDACTED) || /^(?::|\/\/)/.test(password)) continue;
    const isProxy = patterns().proxy.test(before.slice(0, before.length - whole.length + 1));
    // The password of a proxy may have a `@` in it: it ends at the last one.
    if (isProxy && /^[^\s"'`<>,;]*@/.test(text.slice(at + 1, at + LONGEST_LOGIN - whole.length))) continue;
    if (!isProxy && !isLogin(user, password, text.slice(at + 1, at + 1 + LONGEST_HOST))) continue;
    result += text.slice(copied, at - password.length) + REDACTED;
    copied = at;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

/** @param rest the text after the `@`, which may begin with a host */
function isLogin(user: string, password: string, rest: string): boolean {
  const { noUsers, portOrId, hostAndPort, fullHost, mailbox } = patterns();
  if (noUsers.test(user) || portOrId.test(password) || /\/|::/.test(password)) return false;
  return hostAndPort.test(rest) || (fullHost.test(rest) && !mailbox.test(password) && !password.includes('@'));
}
