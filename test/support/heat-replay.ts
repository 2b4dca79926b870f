import { createHash, createHmac } from 'node:crypto';
import { afterAll, afterEach, expect } from 'vitest';
import { type Answer, type Certificate, type SeenRequest, startServer, type TestServer } from './http-server.ts';

/** Answers of a real heat-api-cfn (Heat 19, Debian 12), as they were recorded. */
export const recorded = {
  accessDenied: xmlError(403, 'AccessDenied', 'User is not authorized to perform action'),
  /** By the default policy of Heat 2024.1 and later; in XML though JSON was asked for. */
  forbiddenByPolicy: xmlError(
    403,
    'AccessDenied',
    'User is not authorized to perform action:Action DescribeStackResource not allowed for user',
  ),
  incompleteSignature: xmlError(400, 'IncompleteSignature', 'The request signature does not conform to AWS standards'),
  notFound: {
    status: 404,
    headers: { 'Content-Type': 'text/plain; charset=UTF-8' },
    body: '404 Not Found\n\nThe resource could not be found.\n\n   ',
  },
  noResource: bareString('The Resource (nosuch) could not be found in Stack s1.'),
  noStack: bareString('The Stack (nostack) could not be found.'),
  otherResource: bareString('You are not authorized to use this action.'),
  versions: (port: number): Answer => ({
    status: 300,
    headers: { 'Content-Type': 'application/json' },
    body: `{"versions": [{"id": "v1.0", "status": "CURRENT", "links": [{"rel": "self", "href": "http://127.0.0.1:${port}/v1/"}]}]}`,
  }),
} as const;

/** A description as Heat gives it, around the JSON text of the metadata (or of a JSON string with it, as AWS does). */
export function described(metadata: string): Answer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: `{"DescribeStackResourceResponse": {"DescribeStackResourceResult": {"StackResourceDetail": {"Description": "", "LastUpdatedTimestamp": "2026-11-22T07:02:54Z", "LogicalResourceId": "config_none", "Metadata": ${metadata}, "PhysicalResourceId": "a4891e24-8286-4754-9b4a-3154b11cc3e3", "ResourceStatusReason": "state changed", "ResourceType": "OS::Heat::None", "StackId": "arn:openstack:heat::a6f845bd34f9411794c56afbf564b120:stacks/s1/0df890ad-48cc-4edd-b6e9-f8633e1eb409", "StackName": "s1", "ResourceStatus": "CREATE_COMPLETE"}}}}`,
  };
}

/** The same as XML, which Heat gives where it is not asked for JSON. */
export function describedInXml(metadata: string): Answer {
  const text = metadata.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml; charset=UTF-8' },
    body: `<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail><Description></Description><LastUpdatedTimestamp>2026-11-22T07:26:10Z</LastUpdatedTimestamp><LogicalResourceId>config_none</LogicalResourceId><Metadata>${text}</Metadata><ResourceType>OS::Heat::None</ResourceType><StackName>s1</StackName><ResourceStatus>CREATE_COMPLETE</ResourceStatus></StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>`,
  };
}

export interface ReplayOptions {
  /** Secrets by access key. */
  readonly keys?: Readonly<Record<string, string>>;
  /** The path that is answered; all others are as Heat answers them. */
  readonly path?: string;
  readonly tls?: Certificate;
}

export const KEY = '5aaaa7d2f7bb4c209d8be234669cb92f';
export const SECRET = '6ODDLnpTxXe1nYoB#LlKJBhY6xmFYPlC';

export interface Replay extends TestServer {
  /** The base URL, with its slash. */
  readonly base: string;
}

/**
 * Replays recorded exchanges: `STACK/RESOURCE` to the answers that its requests get in turn, the last one for ever. A bad
 * signature gets Heat's 403. A request that no exchange is recorded for fails the test. Call it at the top of a file.
 */
export function useHeatReplay(): (
  exchanges: Readonly<Record<string, Answer | readonly Answer[]>>,
  options?: ReplayOptions,
) => Promise<Replay> {
  const servers: TestServer[] = [];
  const unmatched: string[] = [];
  afterEach(() => expect(unmatched.splice(0)).toEqual([]));
  afterAll(async () => {
    for (const server of servers) await server.close();
  });
  return async (exchanges, { keys = { [KEY]: SECRET }, path = '/v1/', tls } = {}) => {
    const counts = new Map<string, number>();
    const server: TestServer = await startServer((request) => {
      const [requestPath = '', query = ''] = request.target.replace(/^http:\/\/[^/]*/, '').split('?');
      if (requestPath !== path) return requestPath === '/' ? recorded.versions(server.port) : recorded.notFound;
      const parameters = new URLSearchParams(query);
      const isDescribe =
        request.method === 'GET' &&
        parameters.get('Action') === 'DescribeStackResource' &&
        parameters.get('ContentType') === 'JSON' &&
        parameters.get('Version') === '2010-05-15';
      const name = `${parameters.get('StackName')}/${parameters.get('LogicalResourceId')}`;
      const answers = exchanges[name];
      if (!isDescribe || answers === undefined) {
        unmatched.push(`${request.method} ${request.target}`);
        return { status: 400 };
      }
      if (!isSigned(request, requestPath, query, keys)) return recorded.accessDenied;
      const list: readonly Answer[] = isList(answers) ? answers : [answers];
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      return list[Math.min(count, list.length - 1)] as Answer;
    }, tls);
    servers.push(server);
    return { ...server, base: `${server.url}${path}` };
  };
}

/** Checks a signature of version 4 or 2 as keystone does, on its own. */
function isSigned(request: SeenRequest, path: string, query: string, keys: Readonly<Record<string, string>>): boolean {
  const { authorization = '', host = '' } = request.headers;
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  if (authorization === '') {
    const parts = query.split('&').filter((part) => !part.startsWith('Signature='));
    const secret = keys[new URLSearchParams(query).get('AWSAccessKeyId') ?? ''] ?? '';
    const text = `GET\n${host.toLowerCase()}\n${path}\n${parts.sort().join('&')}`;
    return hmac(secret, text).toString('base64') === new URLSearchParams(query).get('Signature');
  }
  const [, key = '', scope = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  const signed = names.split(';');
  // Through a proxy, the target is a whole URL, which may have no port.
  const [, wanted] = /^http:\/\/([^/]+)\//.exec(request.target) ?? [];
  const isWhole = wanted === undefined ? host.includes(':') : host === wanted;
  if (!signed.includes('host') || !isWhole || !(key in keys)) return false;
  const lines = signed.map((name) => `${name}:${request.headers[name]}\n`).join('');
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const canonical = ['GET', path, query.split('&').sort().join('&'), lines, names, sha('')].join('\n');
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  const derived = [region, service, end].reduce((at, part) => hmac(at, part), hmac(`AWS4${keys[key]}`, day));
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha(canonical)].join('\n');
  return hmac(derived, text).toString('hex') === signature;
}

function isList(answers: Answer | readonly Answer[]): answers is readonly Answer[] {
  return Array.isArray(answers);
}

function bareString(text: string): Answer {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(text) };
}

function xmlError(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/xml; charset=UTF-8' },
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
}
