import { isRecord } from '../config/record.ts';
import { Problem } from '../errors.ts';
import { isWebUrl, splitUrl } from '../url.ts';

/** A name means something only within a domain. */
export type Named =
  | { readonly id: string }
  | { readonly name: string; readonly domain: { readonly [key in 'id' | 'name']?: string } };

export type Identity =
  | { readonly kind: 'application'; readonly id: string; readonly secret: string }
  | { readonly kind: 'password'; readonly user: Named; readonly password: string; readonly project: Named };

const INTERFACES = ['public', 'internal', 'admin'] as const;
export type Interface = (typeof INTERFACES)[number];

/** What it takes to be somebody to keystone, and to find a service in its catalogue. */
export interface KeystoneCredentials {
  /** Without the version and without a slash at the end. */
  readonly authUrl: string;
  readonly identity: Identity;
  readonly region: string | undefined;
  readonly interface: Interface;
  /** A file with certificates to trust besides the machine's. */
  readonly caFile: string | undefined;
}

/** Names of settings, as in an openrc file, and their values; an empty one is as good as none. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the lines `OS_NAME=value` of an openrc file (contract section 7.3): `export` and quotes as for a shell; all other lines
 * are somebody else's. Of a repeated name the last one counts.
 * @throws Problem for a value that a shell would have to work out
 */
export function parseOpenrc(text: string, where: string): Variables {
  const variables: Record<string, string> = {};
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, name, rest] = /^\s*(?:export\s+)?(OS_[A-Z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    const value = shellWord(rest);
    if (value === undefined)
      throw new Problem(`${name} is not a plain value`, {
        where,
        hint: 'variables and commands are not run here: write the value itself',
      });
    variables[name] = value;
  }
  return variables;
}

/** A word as a shell reads it. @returns undefined where it would have to be worked out, or a quote is open */
function shellWord(text: string): string | undefined {
  let word = '';
  for (let rest = text; rest !== '' && !/^\s/.test(rest); ) {
    const piece = /^'([^']*)'|^"((?:[^"\\$`]|\\.)*)"|^\\(.)|^([^\s'"\\$`]+)/.exec(rest);
    if (piece === null) return undefined;
    const [whole, single, double, escaped, bare] = piece;
    word += single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? bare ?? '';
    rest = rest.slice(whole.length);
  }
  return word;
}

/** What the names say whose value is missing or wrong: as in an openrc file, or as in the JSON that Heat hands out. */
interface Source {
  /** For messages: `in the credential file`. */
  readonly place: string;
  readonly where: string | undefined;
}

/**
 * Decodes the variables of an openrc file, or of an environment (contract section 7.3).
 * @returns undefined when none of them is about keystone
 * @throws Problem that names what is missing
 */
export function decodeVariables(variables: Variables, source: Source): KeystoneCredentials | undefined {
  const value = (name: string): string | undefined => filled(variables[`OS_${name}`]);
  if (
    !['AUTH_URL', 'PASSWORD', 'APPLICATION_CREDENTIAL_ID', 'APPLICATION_CREDENTIAL_SECRET'].some(
      (name) => value(name) !== undefined,
    )
  )
    return undefined;
  const need = (...names: readonly string[]): string => {
    for (const name of names) {
      const found = value(name);
      if (found !== undefined) return found;
    }
    throw missing(
      names.map((name) => `OS_${name}`),
      source,
    );
  };
  const named = (kind: 'USER' | 'PROJECT'): Named => {
    const id = value(`${kind}_ID`);
    if (id !== undefined) return { id };
    const name = need(kind === 'USER' ? 'USERNAME' : 'PROJECT_NAME', `${kind}_ID`);
    const domainId = value(`${kind}_DOMAIN_ID`);
    return {
      name,
      domain: domainId === undefined ? { name: need(`${kind}_DOMAIN_NAME`, `${kind}_DOMAIN_ID`) } : { id: domainId },
    };
  };
  const type = value('AUTH_TYPE');
  const hasApplication =
    value('APPLICATION_CREDENTIAL_ID') !== undefined || value('APPLICATION_CREDENTIAL_SECRET') !== undefined;
  const isApplication = type === undefined ? hasApplication : /applicationcredential$/i.test(type);
  if (type === undefined && hasApplication && value('PASSWORD') !== undefined)
    throw new Problem(`an application credential and a password ${source.place}`, {
      ...(source.where === undefined ? {} : { where: source.where }),
      hint: 'leave out the lines of one of them',
    });
  return {
    authUrl: authUrlOf(need('AUTH_URL'), 'OS_AUTH_URL', source),
    identity: isApplication
      ? { kind: 'application', id: need('APPLICATION_CREDENTIAL_ID'), secret: need('APPLICATION_CREDENTIAL_SECRET') }
      : { kind: 'password', user: named('USER'), password: need('PASSWORD'), project: named('PROJECT') },
    region: value('REGION_NAME'),
    interface: interfaceOf(value('INTERFACE') ?? value('ENDPOINT_TYPE') ?? 'public', source),
    caFile: value('CACERT'),
  };
}

/**
 * Decodes the JSON that Heat hands out: `os-collect-config.heat` of a server's metadata, alone or where it stands there, or a
 * handle's attribute `signal`.
 * @throws Problem that names what is missing
 */
export function decodeHandedOut(value: unknown, source: Source): KeystoneCredentials {
  const whole = isRecord(value) ? value : {};
  const collect = whole['os-collect-config'];
  const outer = isRecord(collect) ? collect : whole;
  const heat = outer['heat'];
  const object = isRecord(heat) ? heat : outer;
  const text = (name: string): string | undefined => {
    const found = object[name];
    return typeof found === 'string' ? filled(found) : undefined;
  };
  const need = (...names: readonly string[]): string => {
    for (const name of names) {
      const found = text(name);
      if (found !== undefined) return found;
    }
    throw missing(names, source);
  };
  const userId = text('user_id');
  return {
    authUrl: authUrlOf(need('auth_url'), 'auth_url', source),
    identity: {
      kind: 'password',
      user:
        userId === undefined
          ? { name: need('user_id', 'username'), domain: { id: need('domain_id') } }
          : { id: userId },
      password: need('password'),
      project: { id: need('project_id') },
    },
    region: text('region_name'),
    interface: 'public',
    caFile: undefined,
  };
}

function missing(names: readonly string[], { place, where }: Source): Problem {
  return new Problem(`no ${names.join(' and no ')} ${place}`, where === undefined ? {} : { where });
}

function authUrlOf(text: string, name: string, { where }: Source): string {
  const url = text
    .trim()
    .replace(/\/+$/, '')
    .replace(/\/v(?:2\.0|3)$/, '')
    .replace(/\/+$/, '');
  const isUrl = isWebUrl(url) && !/[?#]/.test(url) && splitUrl(url).userInfo === undefined;
  if (isUrl) return url;
  throw new Problem(`${name} is not the URL of keystone`, {
    ...(where === undefined ? {} : { where }),
    hint: 'as in https://HOST:5000/v3, without a user or a query',
  });
}

function interfaceOf(text: string, { where }: Source): Interface {
  const found = INTERFACES.find((known) => known === text.replace(/URL$/, ''));
  if (found !== undefined) return found;
  throw new Problem(`no interface ${JSON.stringify(text)}`, {
    ...(where === undefined ? {} : { where }),
    hint: `OS_INTERFACE is ${INTERFACES.join(', ')}`,
  });
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}
