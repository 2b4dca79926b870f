import { describe, expect, test } from 'vitest';
import { describeContent, detectFormat } from '../../../../src/system/archive/read.ts';
import { makeTar } from './samples.ts';

const tar = makeTar([{ name: 'a', content: 'x' }]);
const v7 = Buffer.from(tar.subarray(0, 512));
v7.fill(0, 257, 265);
v7.write(
  `${(Number.parseInt(v7.toString('latin1', 148, 154), 8) - Buffer.from('ustar\x0000').reduce((sum, byte) => sum + byte, 0)).toString(8).padStart(6, '0')}\0 `,
  148,
);

describe('detectFormat', () => {
  test.each([
    ['gzip', Buffer.from('1f8b0800', 'hex')],
    ['bzip2', Buffer.from('BZh91AY&SY')],
    ['bzip2', Buffer.from('425a683917724538509000000000', 'hex')],
    ['xz', Buffer.from('fd377a585a000004', 'hex')],
    ['zstd', Buffer.from('28b52ffd04', 'hex')],
    ['zstd', Buffer.from('502a4d1804000000', 'hex')],
    ['zip', Buffer.from('PK\x03\x04')],
    ['zip', Buffer.from('PK\x05\x06')],
    ['tar', tar],
    ['tar', v7],
    [undefined, Buffer.from('BZhello')],
    [undefined, Buffer.from('')],
    [undefined, Buffer.alloc(1024)],
    [undefined, Buffer.from('<!doctype html>')],
    [undefined, tar.subarray(0, 511)],
  ])('%s', (format, start) => {
    expect(detectFormat(start)).toBe(format);
  });
});

describe('describeContent', () => {
  test.each([
    ['', 'it is empty'],
    ['<!DOCTYPE html><title>404</title>', 'it looks like an HTML page'],
    ['\n <html lang="en">', 'it looks like an HTML page'],
    ['<!-- x --><html>', 'it looks like an HTML page'],
    ['<?xml version="1.0"?><Error/>', 'it looks like an XML document'],
    ['{"message": "Not Found"}', 'it looks like a JSON document'],
    ['404: Not Found', 'it looks like text'],
    ['\x7fELF\x02', 'it looks like a program'],
    ['7z\xbc\xaf\x27\x1c', 'it looks like a 7z archive'],
    ['Rar!\x1a\x07\x01', 'it looks like a RAR archive'],
    ['\x1f\x9d\x90', 'it looks like compressed by compress (.Z)'],
    ['\0\0\0\0', 'it contains only zeros'],
    ['\x01\x02\x03', 'it looks like no archive at all'],
  ])('%j', (text, what) => {
    expect(describeContent(Buffer.from(text, 'latin1'))).toBe(what);
  });
});
