import { once } from '../once.ts';
import { percentDecode } from '../percent-encoding.ts';
import { shownUrl, withoutUserInfo } from '../url.ts';

/**
 * The words that name a secret, and what may follow them in a name; a name ends so: `OS_PASSWORD`, `db.password`,
 * `clientSecret`, `api-key`, `token_value`, `password2`. `PWD` is the working directory, and `token_file` names a path.
 */
export const SECRET_WORD = [
  'pass(?:word|wd|phrase|code|wort)',
  '(?<!old)pwd(?!["\']?[ \\t]*[:=][ \\t]*["\']?[/~])',
  '(?<=[_.-]|db_?|user_?|root_?|admin_?|mysql_?|pg_?|smtp_?|ldap_?|proxy_?|rabbit_?|redis_?|http_?|store_?|key_?)pass(?=[\\W_\\d]|$)',
  'secret',
  'token',
  'credentials?',
  'temp_url_\\w+',
  '(?:api|access|private|secret|account|shared|auth|encrypt|encryption|master|signing|session|storage|license|client|deploy|webhook|hmac|rndc|tsig|aws_?secret_?access|secret_?access|ssl|tls|ssh_?host)[_.-]?key',
  'access[_-]?key[_-]?id',
  'signature',
  'connection[_-]?string',
].join('|');
export const SECRET_WORD_END = '(?:[_-]?(?:value|hash|string|text|data|plain|base64|b64|old|new|current|\\d+))*';

/** What names and values look like. */
const patterns = once(() => ({
  secretName: new RegExp(`(?:${SECRET_WORD})${SECRET_WORD_END}$`, 'i'),
  /** Names of variables that hold no secret, whatever the value looks like. */
  ordinaryName:
    /(?:^lc_.*|^lang(?:uage)?|^(?:old)?pwd|name|prefix|suffix|bucket|path|version|(?:^|[_-])(?:home|dir|directory|file|host|port|url|uri|endpoint|user|email|region|zone|level|mode|env|environment|tz|term|shell|editor|pager|frontend|id|count|size|timeout|opts|options|flags|args|arch|platform|type|format|stack|resource|proxy|domain|role|owner|group|runas))$/i,
  flag: /^(?:true|false|yes|no|on|off|none|null|nil|undefined|required|\*+|x{3,}|\[redacted\]|<[^>]*>)$/i,
  /** A variable, also of a template, unless it is a hash of crypt(5); a path, unless it is a secret key of AWS. */
  reference:
    /^(?:\$(?!(?:\d|2[abxy]|g?y|apr1|sha1|md5|argon2\w*|scrypt|pbkdf2[\w-]*)\$)|\{\{|\/(?![A-Za-z0-9+/]{39}$|[A-Za-z0-9+/]+={1,2}$))/,
  words: /^(?:[A-Z]?[a-z]+|[A-Z]+)(?:[ ._/-]+(?:[A-Z]?[a-z]+|[A-Z]+))*[.:!?]?$/,
  /** `releases/app-1.2.3.tar.gz`, `web01-b`: words and numbers, as in the names of files, packages and stored objects. */
  numberedWords: /^(?:[A-Z]?[a-z]+\d{0,4}|v?\d{1,8})(?:[-_./+]{1,2}(?:[A-Z]?[a-z]+\d{0,4}|v?\d{1,8}))+$/,
  numbers: /^[\d\s.,:;/+-]*$/,
  version: /^[a-z]*[-_]?v?\d+(?:\.\d+)+[\w.+~-]*$/i,
  locale: /^[a-z]{2}_[A-Z]{2}(?:\.[\w-]+)?$/,
  filePaths: /^(?:~|\.{1,2})?\/[\w.@+~%=-]*(?:\/[\w.@+~%=-]*)*(?::[\w./@+~%-]*)*$/,
  address: /^(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?$/i,
  /** Or a region: `us-east-1`. */
  shortWord: /^(?:[A-Za-z][a-z]{0,11}|[a-z]{2}(?:-[a-z]+){1,2}-\d)$/,
  /** Variables with a credential or a part of one, in addition to those with a telling name: ST_KEY, PROXY_AUTH, OS_APPLICATION_CREDENTIAL_ID. */
  credentialVariable:
    /(?<!s3|object|bucket|public|primary|foreign|sort|cache|partition)_key$|_(?:auth|salt|dsn|cookie|jwt)$|(?:^|_)pw$|credential/i,
  parameter:
    /^(?:x-(?:amz|goog|oss|obs|cos|ms|tc)-.*|.*(?:signature|token|secret|passw|credential|access.?key|api.?key|private|session).*|(?:oss|google|aws)?access(?:key)?id|temp_url_.*|(?:.*[_-])?(?:sig|hmac|key|auth|pwd|pass|jwt|code|otp|ticket|hash|md5|sid)|key-pair-id|policy|hdn(?:ts|ea|tl))$/i,
  /** Long and made of letters and digits, as keys and hashes are. */
  random: /^(?=.*\d)(?=.*[a-z])[A-Za-z0-9+/_=~-]{24,}$/i,
}));

/** Hiding shorter values would hide ordinary words; no useful secret is that short. */
export const SHORTEST_SECRET = 6;
/** The shortest value that counts as a secret without a name that says so. */
export const SHORTEST_VALUE_OF_ANY_NAME = 8;

/** Characters. Anything longer is neither a name nor a word. */
const LONGEST_ORDINARY = 200;

/** Each word in SECRET_WORD contains one of these. */
const HINT = /pass|pwd|secret|token|credential|key|temp_url|signature|connection/i;

/** False for a text that names no secret, as most do: a quick check, ten times cheaper than looking for the names. */
export function mayNameSecrets(text: string): boolean {
  return HINT.test(text);
}

/** True for the name of a setting, variable, key or parameter whose value is a secret. */
export function isSecretName(name: string): boolean {
  return mayNameSecrets(name) && patterns().secretName.test(name.slice(-LONGEST_ORDINARY));
}

/** True for a value that is no secret although its name says so: a switch, an absolute path, a variable (`$NAME`, `{{name}}`). */
export function isPlaceholder(value: string): boolean {
  return value.length <= LONGEST_ORDINARY && (patterns().flag.test(value) || patterns().reference.test(value));
}

/** True for the name of a setting that holds no secret whatever its value looks like: `S3KeyName`, `DB_USER`. */
export function isOrdinaryName(name: string): boolean {
  const [from, to] = [Math.max(0, name.length - LONGEST_ORDINARY), name.length];
  return patterns().ordinaryName.test(name.slice(from, to).replace(/([a-z\d])([A-Z])/g, '$1_$2'));
}

/** True for a value that is common in logs: a word, a number, a path, an address, a version, a locale. */
export function isOrdinary(value: string): boolean {
  return (
    isPlainValue(value) ||
    (value.length <= LONGEST_ORDINARY &&
      [patterns().words, patterns().numberedWords, patterns().version].some((form) => form.test(value)))
  );
}

/** True for an ordinary value that is no phrase: a number, a locale, a single word, a place. */
function isPlainValue(value: string): boolean {
  const { numbers, locale } = patterns();
  return isPlace(value) || isShortWord(value) || numbers.test(value) || locale.test(value);
}

/** True for a path, a host, an address without a login, and a placeholder. */
function isPlace(value: string): boolean {
  if (value.length > LONGEST_ORDINARY) return false;
  const { filePaths, address } = patterns();
  return (
    isPlaceholder(value) ||
    filePaths.test(value) ||
    address.test(value) ||
    (/^[a-z][\w+.-]*:\/\/\S*$/i.test(value) && shownUrl(value) === value)
  );
}

/**
 * True for a line of a private file without a secret: `interval=10`, `[main]`, `listen 8080;`, a path.
 * @param line without blanks around it
 */
export function isOpenLine(line: string): boolean {
  if (line.length > LONGEST_ORDINARY) return false;
  if (/^\[[\w .:-]+\]$/.test(line) || isPlace(line)) return true;
  const [, name = '', separator = '', value = ''] =
    /^["']?([\w.-]{1,60})["']?(?:[ \t]*([=:])[ \t]*|[ \t]+)["']?([^\s"'][^"']*?)["']?[ \t]*[,;]?$/.exec(line) ?? [];
  if (/^key$/i.test(name) || isCredentialVariable(name)) return isPlaceholder(value);
  if (value === '') return false;
  if (separator === '' && (mayNameSecrets(name) || isShortWord(value))) return false;
  return isPlainValue(value) || (separator !== '' && isOrdinaryName(name) && isOpenToken(value));
}

/** True for one word that has no login in it, as the value of `stack=` or `path=`. */
function isOpenToken(value: string): boolean {
  return /^\S+$/.test(value) && !/^[^:/]+:[^:/]+$/.test(value) && shownUrl(value) === value;
}

/** True for a single ordinary word. Hiding it wherever it is printed would hide more than the secret. */
export function isShortWord(value: string): boolean {
  return patterns().shortWord.test(value);
}

/** Words of six letters and more that are in nearly all our lines. */
const OUR_WORDS =
  'packages groups sources commands services changed unchanged skipped failed created resource metadata content warning password secret credentials authentication default command service package config configsets cfn-init cfn-hup cfn-signal cfn-get-metadata file mode owner linked printed download downloaded ended exit code stack signal';

/** True for a secret that is part of our own words: a gap instead of `changed` would spoil our lines and reveal the secret. */
export function isOurWord(value: string): boolean {
  return /^[a-z-]+$/.test(value) && OUR_WORDS.includes(value);
}

/** True for a line such as `apt-get update -q`: ordinary words and options, and none that prints or sets a value. */
export function isOrdinaryCommand(line: string): boolean {
  if (line.length > LONGEST_ORDINARY || mayNameSecrets(line) || /^(?:echo|printf|set|export|read)\b/.test(line))
    return false;
  return line.split(/[ \t]+/).every((word) => isShortOption(word) || isOrdinary(word));
}

function isShortOption(word: string): boolean {
  return /^(?:-[A-Za-z]{1,3}|--[a-z]+(?:-[a-z]+)*)$/.test(word);
}

/** PWD and OLDPWD, which are in every environment. */
const WORKING_DIRECTORY = /^(?:old)?pwd$/i;

/**
 * True for the name of an environment variable that holds a credential. False for http_proxy, even with a password in it:
 * without the proxy there is no network.
 */
export function isCredentialVariable(name: string): boolean {
  return !WORKING_DIRECTORY.test(name) && (isSecretName(name) || patterns().credentialVariable.test(name));
}

/**
 * Whether the value of an environment variable is a secret. It is, unless it is short or ordinary; for a variable
 * that is named like a secret, unless it is very short or a placeholder.
 */
export function isSecretVariable(name: string, value: string): boolean {
  if (isCredentialVariable(name)) return value.length >= SHORTEST_SECRET && !isPlaceholder(value);
  return value.length >= SHORTEST_VALUE_OF_ANY_NAME && !isOrdinaryName(name) && !isOrdinary(value);
}

/**
 * True for the query of a URL that grants access to whoever has it: a signature, a token, a key among its parameters, or among
 * those of another URL in one of its values.
 */
export function isSecretQuery(query: string): boolean {
  return parametersOf(query).some(
    ({ name, value }) =>
      isSecretParameter(name) ||
      patterns().random.test(value) ||
      (/%3d/i.test(value) && isSecretQuery(percentDecode(value).replace(/^[^?#]*[?#]/, ''))),
  );
}

/** True for a parameter of a URL that grants access to whoever has it. */
export function isSecretParameter(name: string): boolean {
  return patterns().parameter.test(name);
}

/** True for a web address, or a text with one, that grants access: by a user, a password, a token or a signature. */
export function carriesSecrets(text: string): boolean {
  if (!/https?:\/\//i.test(text)) return false;
  const query = /\?([^#]*)/.exec(text)?.[1];
  return withoutUserInfo(text) !== text || (query !== undefined && isSecretQuery(query));
}

/** The parameters of a query; `&` may be written as in HTML. Names are decoded, values are left as written. */
export function parametersOf(query: string): readonly { readonly name: string; readonly value: string }[] {
  return query.split(/&(?:amp;)?|;/).map((parameter) => {
    const at = parameter.indexOf('=');
    return at < 0
      ? { name: '', value: parameter }
      : { name: percentDecode(parameter.slice(0, at)), value: parameter.slice(at + 1) };
  });
}
