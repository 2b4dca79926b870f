/**
 * The small server of the demo: serves the archive of the site and accepts the signal, as heat-api-cfn would.
 * Writes the URL for the signal to /tmp/endpoint and the signals that it gets to /tmp/signals.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const PORT = 8099;
const HANDLE =
  '/v1/waitcondition/arn%3Aopenstack%3Aheat%3A%3Ademo%3Astacks%2Fwordpress%2F1/handle?Timestamp=2026-11-22T12%3A00%3A00Z&AWSAccessKeyId=demo&SignatureMethod=HmacSHA256&SignatureVersion=2&Signature=ZGVtbw%3D%3D';

mkdirSync('/tmp/site', { recursive: true });
writeFileSync('/tmp/site/index.php', "<?php require 'wp-config.php';\n");
writeFileSync('/tmp/site/readme.html', '<h1>WordPress</h1>\n');
execFileSync('tar', ['-czf', '/tmp/wordpress.tar.gz', '-C', '/tmp/site', '.']);
const archive = execFileSync('cat', ['/tmp/wordpress.tar.gz']);

createServer((request, response) => {
  if (request.url === '/wordpress.tar.gz') {
    response.end(archive);
    return;
  }
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const isSignal =
      request.method === 'PUT' && request.url === HANDLE && request.headers['content-type'] === undefined;
    if (isSignal) appendFileSync('/tmp/signals', `${JSON.stringify(JSON.parse(body), undefined, 2)}\n`);
    response.writeHead(isSignal ? 200 : 403).end();
  });
}).listen(PORT, '127.0.0.1', () => writeFileSync('/tmp/endpoint', `http://127.0.0.1:${PORT}${HANDLE}`));
