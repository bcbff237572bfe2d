"""Git repositories for tests: made object by object where need be, and served over https as a forge does."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}


class Repository:
    """A bare repository whose every object is ours to choose."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", *options, ".")
        self.git("config", "uploadpack.allowFilter", "true")

    def git(self, *arguments: str, data: bytes = b"") -> str:
        """Runs git in it and returns what it printed."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=ENVIRONMENT, input=data, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def blob(self, content: bytes) -> str:
        """Stores a file's content."""
        return self.git("hash-object", "-w", "--stdin", data=content)

    def tree(self, *entries: tuple[str, str, bytes]) -> str:
        """Stores a tree of (mode, object, name) exactly as given, in that order, whatever git thinks of it."""
        raw = b"".join(
            mode.lstrip("0").encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, oid, name in entries
        )
        return self.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=raw)

    def nested(self, path: bytes, mode: str, oid: str) -> str:
        """Stores trees so that `path` leads to an object, and returns the root."""
        *folders, name = path.split(b"/")
        root = self.tree((mode, oid, name))
        for folder in reversed(folders):
            root = self.tree(("40000", root, folder))
        return root

    def commit(self, tree: str, branch: str = "main") -> str:
        """Makes a tree what a branch names."""
        commit = self.git("commit-tree", "-m", "one", tree)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def files(self, branch: str = "main", **contents: str) -> str:
        """Commits plain files: `main_py="..."` is `main.py`."""
        entries = [
            ("100644", self.blob(text.encode()), name.replace("_py", ".py").encode())
            for name, text in sorted(contents.items())
        ]
        return self.commit(self.tree(*entries), branch)


class Forge:
    """Serves the repositories of a folder over https on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.authorities = folder / "authorities.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _certify(self.authorities, folder / "key.pem")
        context.load_cert_chain(self.authorities, folder / "key.pem")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @contextlib.contextmanager
    def open(self) -> Iterator[Forge]:
        """Serves while the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _handler(forge) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the inner class has its own self
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                forge.requests.append(f"{self.command} {self.path}")
                path = self.path.partition("?")[0]
                for prefix, (status, headers, body) in forge.answers.items():
                    if path.startswith(prefix):
                        self._answer(status, headers, body)
                        return
                self._run_backend()

            do_POST = do_GET  # noqa: N815 - the library's word

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _run_backend(self) -> None:
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                variables = {
                    **ENVIRONMENT,
                    "GIT_PROJECT_ROOT": str(forge.folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                }
                done = subprocess.run(
                    ["git", "http-backend"], env=variables, input=body, capture_output=True, check=False
                )
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
                self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's word
                pass

        return Handler


def _certify(certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forge.test")])
    names = [x509.DNSName("forge.test"), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
