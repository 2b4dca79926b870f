import { parseKeyPath } from '../json.ts';
import { resourceNameFault } from '../resource-name.ts';
import type { HookPath } from './hook.ts';

/**
 * Reads what a hook looks at. `Resources`, `Metadata` and `PhysicalResourceId` may be written in any case; keys as
 * cfn-get-metadata takes them, so one with a dot stands in single quotes. `Resources.RES` alone is the time of the
 * resource's last update. Source: AWS's page "cfn-hup", "hooks.conf configuration file".
 * @returns what is wrong with it, and what to write, when it is none
 */
export function parseHookPath(text: string): HookPath | { readonly what: string; readonly hint: string } {
  const [root, resource, part, ...keys] = parseKeyPath(text) ?? [];
  if (root?.toLowerCase() !== 'resources' || resource === undefined) {
    return {
      what: `the path ${JSON.stringify(text)} does not name a resource`,
      hint: 'write Resources.RES.Metadata, and keys behind it with dots between',
    };
  }
  const fault = resourceNameFault(resource);
  if (fault !== undefined) return { what: `the path names the resource ${JSON.stringify(resource)}`, hint: fault };
  switch (part?.toLowerCase()) {
    case undefined:
      return { text, resource, kind: 'last-updated', keys };
    case 'metadata':
      return { text, resource, kind: 'metadata', keys };
    case 'physicalresourceid':
      if (keys.length === 0) return { text, resource, kind: 'physical-id', keys };
      return { what: `the path goes on behind ${part}`, hint: 'end it there' };
    default:
      return {
        what: `the path names ${JSON.stringify(part)} of ${resource}`,
        hint: 'there are Metadata and PhysicalResourceId; the resource alone is the time of its last update',
      };
  }
}
