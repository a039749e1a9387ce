"""Answers of the tests' own servers: one JSON document, and no line in the log."""

import json
from http.server import BaseHTTPRequestHandler


class JsonHandler(BaseHTTPRequestHandler):
    def said(self):
        """The body. Where it is left unread, the connection is reset at its end, and a long answer is cut off."""
        return json.loads(self.rfile.read(int(self.headers["content-length"])) or "{}")

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
