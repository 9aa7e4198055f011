"""Greets everybody by name."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/") or "world"
        text = "ok" if self.path == "/healthz" else f"{environ.get('GREETING', 'Hello')}, {name}!"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("", 8080), Greeter).serve_forever()
