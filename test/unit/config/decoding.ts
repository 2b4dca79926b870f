import { type Decoded, decodeMetadata } from '../../../src/config/decode.ts';

export const INIT = 'AWS::CloudFormation::Init';

/** Decodes a document whose Init holds one config, or the whole Init when it names `configSets`. */
export function decodeConfig(config: unknown, beside: Record<string, unknown> = {}): Decoded {
  return decodeText(JSON.stringify({ [INIT]: { config }, ...beside }));
}

/** Decodes a document as it stands in a file. */
export function decodeText(text: string, wanted: readonly string[] = []): Decoded {
  return decodeMetadata({ value: JSON.parse(text) as unknown, text }, wanted);
}

/** `severity pointer`, the pointer counted from the config. */
export function places({ findings }: Decoded): string[] {
  return findings.map(({ severity, pointer }) => `${severity} ${pointer.replace(`/${INIT}/config/`, '')}`).sort();
}
