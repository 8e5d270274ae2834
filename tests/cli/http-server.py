"""An HTTP server with the manners that tests ask for: python3 http-server.py DIRECTORY PORT-FILE LOG-FILE.

The first component of a path is the manner, the rest a file below DIRECTORY:
  range   answers ranges              plain  knows no ranges
  cut     closes after 1000 bytes     gone   404     broken  500     long  appends a byte
  moved   redirects to range          escape redirects to a file URL
"""
import http.server
import os
import re
import sys

ROOT, PORT_FILE, LOG_FILE = sys.argv[1:4]
CUT = 1000


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def redirect(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        manner, _, path = self.path.lstrip("/").partition("/")
        wanted = self.headers.get("Range", "-")
        with open(LOG_FILE, "a", encoding="utf-8") as log:
            print(manner, wanted, self.path, file=log)
        if manner == "moved":
            return self.redirect("/range/" + path)
        if manner == "escape":
            return self.redirect("file://" + ROOT + "/" + path)
        if manner in ("gone", "broken"):
            return self.send_error(404 if manner == "gone" else 500)
        try:
            with open(os.path.join(ROOT, re.sub("%2B", "+", path)), "rb") as file:
                body = file.read()
        except OSError:
            return self.send_error(404)
        start = 0
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        if found and manner in ("range", "cut"):
            start = int(found.group(1))
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        body = body[start:] + (b"x" if manner == "long" else b"")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:CUT] if manner == "cut" else body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w", encoding="utf-8") as port_file:
    port_file.write(str(server.server_port))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
