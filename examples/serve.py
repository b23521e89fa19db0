"""A small web server: what a Deployment of a model would be, without the model.

It listens on the pod's own address (POD_IP): every replica of a machine has one, so that all of them may use the
same port. Told to end, it takes no new connection and finishes the requests that it has. Needs only Python itself.
"""

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.getpid()}\n" if self.path == "/pid" else f"hello from {os.environ['POD_NAME']}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = False  # the end waits for requests


server = Server((os.environ["POD_IP"], 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"serves on {os.environ['POD_IP']}:8000", flush=True)
server.serve_forever(poll_interval=0.05)
server.server_close()
