"""Moves votes to where they are counted; today there are none."""

from http.server import BaseHTTPRequestHandler, HTTPServer


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"votes_moved 0\n")


HTTPServer(("", 9090), Metrics).serve_forever()
