import { expect, it } from 'vitest';
import { type HookPath, parseHookPath } from '../../../src/hup/hooks.ts';

it.each<[text: string, resource: string, kind: HookPath['kind'], keys: string[]]>([
  ['Resources.Web', 'Web', 'last-updated', []],
  ['Resources.Web.', 'Web', 'last-updated', []],
  ['Resources.Web.PhysicalResourceId', 'Web', 'physical-id', []],
  ['Resources.Web.Metadata', 'Web', 'metadata', []],
  ['resources.Web.metadata.', 'Web', 'metadata', []],
  ['RESOURCES.Web.METADATA.Key', 'Web', 'metadata', ['Key']],
  ['Resources.Web.Metadata.AWS::CloudFormation::Init', 'Web', 'metadata', ['AWS::CloudFormation::Init']],
  [
    "Resources.Web.Metadata.'AWS::CloudFormation::Init'.config",
    'Web',
    'metadata',
    ['AWS::CloudFormation::Init', 'config'],
  ],
  ["Resources.Web.Metadata.files.'/etc/motd.conf'.content", 'Web', 'metadata', ['files', '/etc/motd.conf', 'content']],
  ['Resources.Web.Metadata.a\\.b.c', 'Web', 'metadata', ['a.b', 'c']],
  ["Resources.'web.1'.Metadata", 'web.1', 'metadata', []],
  ['Resources.my web.Metadata', 'my web', 'metadata', []],
  ["Resources.it's.Metadata.a", "it's", 'metadata', ['a']],
  ['Resources.W\u00e9b.Metadata', 'W\u00e9b', 'metadata', []],
  ['Resources.web-1_a.Metadata.my key', 'web-1_a', 'metadata', ['my key']],
  [`Resources.${'x'.repeat(255)}.Metadata`, 'x'.repeat(255), 'metadata', []],
])('%j', (text, resource, kind, keys) => {
  expect(parseHookPath(text)).toEqual({ text, resource, kind, keys });
});

it.each<[text: string, what: string]>([
  ['', 'the path "" does not name a resource'],
  ['Resources', 'the path "Resources" does not name a resource'],
  ['Web.Metadata', 'the path "Web.Metadata" does not name a resource'],
  ['Resources..Metadata', 'the path "Resources..Metadata" does not name a resource'],
  ['Resources.Web.Metadata.a..b', 'the path "Resources.Web.Metadata.a..b" does not name a resource'],
  ['/Resources/Web/Metadata', 'the path "/Resources/Web/Metadata" does not name a resource'],
  ["Resources.'../etc'.Metadata", 'the path names the resource "../etc"'],
  ['Resources.a/b.Metadata', 'the path names the resource "a/b"'],
  [`Resources.${'x'.repeat(256)}`, `the path names the resource "${'x'.repeat(256)}"`],
  ['Resources.Web.LastUpdatedTimestamp', 'unknown part "LastUpdatedTimestamp" of Web in the path'],
  ['Resources.Web.Properties.Name', 'unknown part "Properties" of Web in the path'],
  ['Resources.Web.PhysicalResourceId.x', 'the path continues after PhysicalResourceId'],
])('refuses %j', (text, what) => {
  expect(parseHookPath(text)).toMatchObject({ what });
});
