"""Counts votes."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

votes = {"cats": 0, "dogs": 0}


class Vote(BaseHTTPRequestHandler):
    def do_GET(self):
        choice = self.path.strip("/")
        if choice in votes:
            votes[choice] += 1
        text = "ok" if choice == "health" else str(votes)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("", 8000), Vote).serve_forever()
