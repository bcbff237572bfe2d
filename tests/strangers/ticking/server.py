import http.server
import json
import os
import socketserver
import time

API = {
    "openapi": "3.0.0",
    "info": {"title": "ticking", "version": "1"},
    "paths": {
        "/ticks": {
            "get": {
                "operationId": "ticks",
                "summary": "Ticks as events.",
                "parameters": [{"name": "from", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "ok", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
            }
        }
    },
}


class Ticking(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        if self.path == "/openapi.json":
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(API).encode())
            return
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        number = int(self.path.partition("from=")[2] or 0)
        while True:
            self.wfile.write(f"event: tick\ndata: {number}\n\n".encode())
            number += 1
            time.sleep(0.01)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Ticking).serve_forever()
