import { Problem } from '../errors.ts';
import { isRecord } from '../json.ts';
import { baseUrlOf } from '../url.ts';

/** A name means something only within a domain. */
export type Named =
  | { readonly id: string }
  | { readonly name: string; readonly domain: { readonly [key in 'id' | 'name']?: string } };

export type Identity =
  | { readonly kind: 'application'; readonly id: string; readonly secret: string }
  | { readonly kind: 'password'; readonly user: Named; readonly password: string; readonly project: Named };

const INTERFACES = ['public', 'internal', 'admin'] as const;
export type Interface = (typeof INTERFACES)[number];

/** What a client of keystone needs: its address, an identity, and what selects a service in the catalogue. */
export interface KeystoneCredentials {
  /** Without the version and without a slash at the end. */
  readonly authUrl: string;
  readonly identity: Identity;
  readonly region: string | undefined;
  readonly interface: Interface;
  /** A file with certificates to trust besides the machine's. */
  readonly caFile: string | undefined;
  /** Heat has written them, so nobody here sets a region or an interface. */
  readonly isHandedOut: boolean;
}

/** Names of settings and their values, as in an environment; an empty one is as good as none. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What an openrc file sets. */
export interface Openrc {
  readonly variables: Variables;
  /** Names whose value a shell would have to work out. */
  readonly unclear: ReadonlySet<string>;
}

const SET = /^(?:(?:export|readonly|declare(?:\s+-\w+)*|typeset(?:\s+-\w+)*)\s+)?(OS_[A-Z0-9_]+)(?:=|\s+=\s*)/;

/**
 * Reads what an openrc file sets (contract section 7.3): `OS_NAME=value`, several on a line too, with quotes as for a shell. All
 * else is ignored. Of a repeated name the last one counts.
 */
export function parseOpenrc(text: string): Openrc {
  const variables: Record<string, string> = {};
  const unclear = new Set<string>();
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    let rest = line.trim();
    for (let set = SET.exec(rest); set !== null; set = SET.exec(rest)) {
      const [head, name = ''] = set;
      const word = shellWord(rest.slice(head.length));
      if (word === undefined) {
        unclear.add(name);
        break;
      }
      unclear.delete(name);
      variables[name] = word.value;
      rest = word.rest.replace(/^[\s;]+/, '');
    }
  }
  return { variables, unclear };
}

/** The first word of a text as a shell reads it. @returns undefined where it would have to be worked out, or a quote is open */
function shellWord(text: string): { readonly value: string; readonly rest: string } | undefined {
  let value = '';
  let rest = text;
  while (rest !== '' && !/^[\s;]/.test(rest)) {
    const piece = /^'([^']*)'|^"((?:[^"\\$`]|\\.)*)"|^\\(.)|^([^\s'"\\$`;&|()<>]+)/.exec(rest);
    if (piece === null) return undefined;
    const [whole, single, double, escaped, bare] = piece;
    value += single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? bare ?? '';
    rest = rest.slice(whole.length);
  }
  return { value, rest };
}

/** Where credentials are read from, for messages. */
interface Source {
  /** `in the credential file` */
  readonly place: string;
  readonly where: string | undefined;
}

/**
 * Decodes the variables of an openrc file, or of an environment (contract section 7.3).
 * @param unclear names whose value cannot be known here
 * @returns undefined when none of them is about keystone
 * @throws Problem that names what is missing
 */
export function decodeVariables(
  variables: Variables,
  source: Source,
  unclear: ReadonlySet<string> = new Set(),
): KeystoneCredentials | undefined {
  const value = (name: string): string | undefined => {
    if (unclear.has(`OS_${name}`)) throw notPlain(`OS_${name}`, source);
    return filled(variables[`OS_${name}`]);
  };
  const signs = ['AUTH_URL', 'PASSWORD', 'APPLICATION_CREDENTIAL_ID', 'APPLICATION_CREDENTIAL_SECRET'];
  if (!signs.some((name) => value(name) !== undefined)) return undefined;
  const need = (...names: readonly string[]): string => {
    const found = firstOf(names, value);
    if (found !== undefined) return found;
    const hint = names.some((name) => /_DOMAIN_/.test(name))
      ? 'add it; most clouds have one domain, Default'
      : 'add it';
    throw missing(
      names.map((name) => `OS_${name}`),
      source,
      hint,
    );
  };
  const named = (kind: 'USER' | 'PROJECT'): Named => {
    // A project was a tenant once, and is so in old files.
    const id = value(`${kind}_ID`) ?? (kind === 'PROJECT' ? value('TENANT_ID') : undefined);
    if (id !== undefined) return { id };
    const name =
      (kind === 'PROJECT' ? (value('PROJECT_NAME') ?? value('TENANT_NAME')) : undefined) ??
      need(kind === 'USER' ? 'USERNAME' : 'PROJECT_NAME', `${kind}_ID`);
    const domainId = value(`${kind}_DOMAIN_ID`);
    return {
      name,
      domain: domainId === undefined ? { name: need(`${kind}_DOMAIN_NAME`, `${kind}_DOMAIN_ID`) } : { id: domainId },
    };
  };
  const type = value('AUTH_TYPE');
  if (type !== undefined && !/^(?:v3)?(?:password|applicationcredential)$/i.test(type))
    throw new Problem(`OS_AUTH_TYPE is ${JSON.stringify(type)}`, {
      where: source.where,
      hint: 'there are password and v3applicationcredential',
    });
  const hasApplication =
    value('APPLICATION_CREDENTIAL_ID') !== undefined || value('APPLICATION_CREDENTIAL_SECRET') !== undefined;
  const isApplication = type === undefined ? hasApplication : /applicationcredential$/i.test(type);
  if (type === undefined && hasApplication && value('PASSWORD') !== undefined)
    throw new Problem(`an application credential and a password ${source.place}`, {
      where: source.where,
      hint: 'leave out one of them',
    });
  return {
    authUrl: authUrlOf(need('AUTH_URL'), 'OS_AUTH_URL', source),
    identity: isApplication
      ? { kind: 'application', id: need('APPLICATION_CREDENTIAL_ID'), secret: need('APPLICATION_CREDENTIAL_SECRET') }
      : { kind: 'password', user: named('USER'), password: need('PASSWORD'), project: named('PROJECT') },
    region: value('REGION_NAME'),
    interface: interfaceOf(value('INTERFACE') ?? value('ENDPOINT_TYPE') ?? 'public', source),
    caFile: value('CACERT'),
    isHandedOut: false,
  };
}

/**
 * Decodes the JSON that Heat hands out: the attribute `signal` of a handle; or `os-collect-config.heat`, by itself or within the
 * metadata of a server.
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
    const found = firstOf(names, text);
    if (found === undefined) throw missing(names, source, HANDED_OUT);
    return found;
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
    isHandedOut: true,
  };
}

const HANDED_OUT =
  'what Heat hands out has it: a handle with HEAT_SIGNAL, or a server with software_config_transport: POLL_SERVER_HEAT';

function missing(names: readonly string[], source: Source, hint: string): Problem {
  return new Problem(`no ${names.join(' and no ')} ${source.place}`, { where: source.where, hint });
}

function notPlain(name: string, source: Source): Problem {
  return new Problem(`${name} is not a plain value`, {
    where: source.where,
    hint: 'variables and commands are not run here: write the value itself',
  });
}

function authUrlOf(text: string, name: string, source: Source): string {
  const url = text
    .trim()
    .replace(/\/+$/, '')
    .replace(/\/v(?:2\.0|3)$/, '')
    .replace(/\/+$/, '');
  if (baseUrlOf(url) !== undefined) return url;
  throw new Problem(`${name} is not the URL of keystone`, {
    where: source.where,
    hint: 'as in https://HOST:5000/v3, without a user or a query',
  });
}

function interfaceOf(text: string, source: Source): Interface {
  const found = INTERFACES.find((known) => known === text.replace(/URL$/, ''));
  if (found !== undefined) return found;
  throw new Problem(`no interface ${JSON.stringify(text)}`, {
    where: source.where,
    hint: `OS_INTERFACE is ${INTERFACES.join(', ')}`,
  });
}

/** The first value that there is. */
function firstOf(names: readonly string[], read: (name: string) => string | undefined): string | undefined {
  for (const name of names) {
    const value = read(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}
