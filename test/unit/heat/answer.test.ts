import { describe, expect, it } from 'vitest';
import { decodeAnswer } from '../../../src/heat/answer.ts';

const json = (detail: string): string =>
  `{"DescribeStackResourceResponse": {"DescribeStackResourceResult": {"StackResourceDetail": ${detail}}}}`;
const xml = (detail: string): string =>
  `<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail><LogicalResourceId>r</LogicalResourceId>${detail}</StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>`;

describe('a resource', () => {
  it('of Heat, as JSON: the metadata keeps its digits and its order', async () => {
    const metadata = '{"b": 1.0, "2": 12345678901234567890, "1": "&<é"}';
    const body = json(
      `{"Description": "", "LastUpdatedTimestamp": "2026-11-22T07:02:54Z", "Metadata": ${metadata}, "PhysicalResourceId": "p", "ResourceStatus": "CREATE_COMPLETE"}`,
    );
    expect(await decodeAnswer({ body })).toEqual({
      kind: 'resource',
      resource: {
        metadata: { value: JSON.parse(metadata), text: metadata },
        status: 'CREATE_COMPLETE',
        physicalId: 'p',
        lastUpdated: '2026-11-22T07:02:54Z',
      },
    });
  });

  it('of AWS: the metadata is a text, the time a number', async () => {
    const body = json('{"LastUpdatedTimestamp": 1.5e9, "Metadata": "{\\"a\\": 1.0}"}');
    expect(await decodeAnswer({ body })).toMatchObject({
      resource: { metadata: { value: { a: 1 }, text: '{"a": 1.0}' }, lastUpdated: '2017-07-14T02:40:00.000Z' },
    });
  });

  it.each<[name: string, metadata: string, text: string]>([
    ['entities', '{"c": "echo a &gt;&gt; b &amp;&amp; c", "1": 1.0}', '{"c": "echo a >> b && c", "1": 1.0}'],
    ['CDATA', '<![CDATA[{"c": "a > b"}]]>', '{"c": "a > b"}'],
    ['none', '', '{}'],
  ])('as XML: %s', async (_, metadata, text) => {
    const body = xml(`<Metadata>${metadata}</Metadata><ResourceStatus>UPDATE_COMPLETE</ResourceStatus>`);
    expect(await decodeAnswer({ body })).toMatchObject({
      kind: 'resource',
      resource: { metadata: { value: JSON.parse(text), text }, status: 'UPDATE_COMPLETE', physicalId: undefined },
    });
  });

  it.each(['{}', '{"Metadata": null}', '{"Metadata": {}}', '{"Metadata": ""}'])(
    'without metadata: %s',
    async (detail) => {
      expect(await decodeAnswer({ body: json(detail) })).toMatchObject({
        kind: 'resource',
        resource: { metadata: { value: {}, text: '{}' } },
      });
    },
  );

  it('without metadata as XML', async () => {
    expect(await decodeAnswer({ body: xml('') })).toMatchObject({ resource: { metadata: { text: '{}' } } });
  });
});

describe('an error', () => {
  it.each<[body: string, code: string | undefined, message: string | undefined]>([
    [
      '"The Resource (x) could not be found in Stack s1."',
      undefined,
      'The Resource (x) could not be found in Stack s1.',
    ],
    [
      '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized to perform action</Message></Error></ErrorResponse>',
      'AccessDenied',
      'User is not authorized to perform action',
    ],
    ['{"Error": {"Code": "Throttling", "Message": "Rate exceeded"}, "RequestId": "1"}', 'Throttling', 'Rate exceeded'],
    ['{"ErrorResponse": {"Error": {"Code": "ValidationError"}}}', 'ValidationError', undefined],
  ])('%s', async (body, code, message) => {
    expect(await decodeAnswer({ body })).toEqual({ kind: 'error', code, message });
  });
});

describe('what cannot be used', () => {
  it.each([
    '',
    'not json',
    json('{"Metadata": {"a": 1}'),
    json('[]'),
    json('{"Metadata": [1]}'),
    json('{"Metadata": 7}'),
    json('{"Metadata": "not json"}'),
    '[]',
    'null',
    '{"versions": []}',
    '<html><body>502</body></html>',
    '<p>no end',
    xml('<Metadata>[]</Metadata>'),
    xml('<Metadata>{</Metadata>'),
    '<!DOCTYPE a [<!ENTITY x "y">]><LogicalResourceId>&x;</LogicalResourceId>',
    '['.repeat(100_000),
  ])('%.60s', async (body) => {
    expect((await decodeAnswer({ body })).kind).toBe('unintelligible');
  });
});
