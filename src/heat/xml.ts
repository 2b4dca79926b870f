import { SaxesParser } from 'saxes';

/**
 * The texts of an XML document by the names of their elements, of those that hold no others; of a repeated one the first
 * counts. Entities of a document type are not resolved.
 * @returns undefined when it is not well-formed
 */
export function xmlTexts(document: string): ReadonlyMap<string, string> | undefined {
  const texts = new Map<string, string>();
  let text = '';
  let isLeaf = false;
  let isWellFormed = true;
  const parser = new SaxesParser();
  parser.on('error', () => {
    isWellFormed = false;
  });
  parser.on('opentag', () => {
    text = '';
    isLeaf = true;
  });
  const collect = (piece: string): void => {
    text += piece;
  };
  parser.on('text', collect);
  parser.on('cdata', collect);
  parser.on('closetag', ({ name }) => {
    if (isLeaf && !texts.has(name)) texts.set(name, text);
    isLeaf = false;
  });
  parser.write(document).close();
  return isWellFormed ? texts : undefined;
}
