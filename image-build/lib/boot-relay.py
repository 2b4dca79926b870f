#!/usr/bin/python3
"""Carries a guest's requests to heat-api-cfn, as the proxy in front of a cloud's interfaces does.

  boot-relay.py --listen ADDRESS:PORT --to HOST:PORT --port-file FILE --log FILE [--network FILE]

With --network it listens in that network namespace (/proc/PID/ns/net) and still asks from its own. The log has one JSON
object a line: time of arrival, method, path without the query (which would be a signature), action, status.

A pre-signed URL of a wait condition is valid for the name of the server that heat made it with (EC2 signature, version
2), which is not the one that the guest uses: for these alone, Host is what heat expects. Requests that the guest signs
itself go through as they are.
"""

import argparse
import ctypes
import http.client
import http.server
import json
import os
import pathlib
import time
import urllib.parse

HOP_BY_HOP = {'connection', 'keep-alive', 'transfer-encoding', 'host', 'content-length'}


def enter(network):
    """Makes this process use another network namespace; sockets stay in the one they were made in."""
    descriptor = os.open(network, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), network)
    os.close(descriptor)


def make_server(listen, network, handler):
    address, port = listen.rsplit(':', 1)
    if network is None:
        return http.server.ThreadingHTTPServer((address, int(port)), handler)
    own = f'/proc/{os.getpid()}/fd/{os.open("/proc/self/ns/net", os.O_RDONLY)}'
    enter(network)
    try:
        return http.server.ThreadingHTTPServer((address, int(port)), handler)
    finally:
        enter(own)


def make_handler(target, log):
    class Handler(http.server.BaseHTTPRequestHandler):
        def relay(self):
            arrived = time.time()
            path, _, query = self.path.partition('?')
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            upstream = http.client.HTTPConnection(target, timeout=60)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            is_presigned = '/waitcondition/' in path
            upstream.putheader('Host', target if is_presigned else self.headers.get('Host', target))
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.putheader('Content-Length', str(len(body)))
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
            self.note(arrived, path, query, body, answer.status)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = relay

        def note(self, arrived, path, query, body, status):
            fields = urllib.parse.parse_qs(body.decode('latin-1') if self.command == 'POST' else query)
            entry = {
                'time': arrived,
                'method': self.command,
                'path': path,
                'status': status,
                'action': (fields.get('Action') or [''])[0],
            }
            print(json.dumps(entry), file=log, flush=True)

        def log_message(self, *_):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('listen', 'to', 'port-file', 'log'):
        parser.add_argument(f'--{name}', required=True)
    parser.add_argument('--network')
    options = parser.parse_args()
    server = make_server(options.listen, options.network, make_handler(options.to, open(options.log, 'a')))
    pathlib.Path(options.port_file).write_text(f'{server.server_address[1]}\n')
    server.serve_forever()


main()
