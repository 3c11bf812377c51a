"""A Hub on this machine that serves one good model and one good corpus, and is out of order in every way it is asked to be.

The owner in an id says how: "ana/..." is served, "status503/..." answers 503, "html/..." sends a web page for everything, and so on.
"""
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

SHA = "0123456789abcdef0123456789abcdef01234567"
PAGE = b"<!doctype html><html><body><script>alert(1)</script>Please log in to the hotel's network</body></html>"


class OutOfOrder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer()

    do_GET = do_POST = do_PUT = do_HEAD

    def send(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) if length is None else length), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        found = re.search(r"/(?:api/(?:models|datasets)/|datasets/)?([\w-]+)/([\w-]+)", self.path.replace("/api/repos/create", "/api/models/" + self.server.creates))
        owner = found[1] if found else "status404"
        if owner.startswith("status"):
            self.refuse(int(owner[6:]))
        elif owner == "html":
            self.send(200, PAGE, {"Content-Type": "text/html", "ETag": '"page"', "X-Repo-Commit": SHA})
        elif owner == "wrong":
            self.send(200, b'{"surprise": [1, 2', {"Content-Type": "application/json", "ETag": '"x"', "X-Repo-Commit": SHA})
        elif owner == "other":
            self.send(200, b'{"surprise": true}', {"Content-Type": "application/json", "ETag": '"x"', "X-Repo-Commit": SHA})
        elif owner == "short":
            self.send(200, b'{"id": "short/x"', {"Content-Type": "application/json", "ETag": '"x"', "X-Repo-Commit": SHA}, length=5000)
            self.close_connection = True
        elif owner == "loop":
            self.send(302, headers={"Location": self.path})
        elif owner == "slow":
            sleep(30)
            self.close_connection = True
        elif owner == "hangup":
            self.close_connection = True
        else:
            self.serve(owner, found[2])

    def refuse(self, status):
        """As the Hub does, with a body that repeats what it was sent, access token included."""
        said = f"refused for {self.headers.get('Authorization')}"
        headers = {"Content-Type": "application/json", "X-Error-Message": said, "X-Request-Id": "1"}
        headers |= {"Retry-After": "86400"} if status == 429 else {}
        headers |= {"X-Error-Code": "RepoNotFound"} if status == 404 else {}
        self.send(status, json.dumps({"error": said, "message": said}).encode(), headers)

    def serve(self, owner, name):
        folder = self.server.folders.get(f"{owner}/{name}")
        kind = "datasets" if self.path.startswith(("/datasets/", "/api/datasets/")) else "models"
        files = {} if folder is None else {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        if match := re.search(r"/resolve/[^/]+/(.+?)(?:\?|$)", self.path):
            self.send_file(files.get(match[1]), owner)
        elif folder is None:
            self.refuse(404)
        elif "/tree/" in self.path:
            self.send_json([{"type": "file", "path": name, "size": path.stat().st_size, "oid": SHA} for name, path in files.items()])
        elif "/paths-info/" in self.path:
            self.send_json([])
        elif re.search(rf"/api/{kind}/{owner}/{name}(/revision/[^/]+)?(\?|$)", self.path):
            self.send_json({"id": f"{owner}/{name}", "sha": SHA, "private": False, "siblings": [{"rfilename": file} for file in files], "tags": []})
        else:
            self.send(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def send_json(self, content):
        self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send_file(self, path, owner):
        if path is None:
            self.send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
            return
        body = path.read_bytes()
        headers = {"ETag": f'"{path.name}{len(body)}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        if match := re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(match[1]), min(int(match[2] or len(body)), len(body) - 1)
            self.send(206, body[start:end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(body)}"})
        else:
            self.send(200, body, headers)


@contextmanager
def hub_server(folders, creates="status403/x"):
    """The server's address, and the list of what it was asked; folders hold models and corpora by their id."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OutOfOrder) as server:
        server.folders, server.creates, server.asked, server.daemon_threads = folders, creates, [], True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.asked
        finally:
            server.shutdown()
