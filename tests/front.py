# SPDX-License-Identifier: MIT
"""What stands before the sandbox server: TLS with certificates made here, a proxy, and a listener that should hear nothing.

Each is one thread a connection on 127.0.0.1 and keeps the first bytes of what it was sent.
"""

import http.client
import pathlib
import socket
import ssl
import subprocess
import threading


class Listener:
    """Accepts connections, keeps their first bytes in `heard`, and hangs up."""

    def __init__(self, port=0, host="127.0.0.1"):
        self.heard, self.connections = [], []
        self.server = socket.create_server((host, port), backlog=64)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.guarded, args=(connection,), daemon=True).start()

    def guarded(self, connection):
        connection.settimeout(20)
        try:
            self.serve(connection)
        except OSError as e:
            self.heard.append(f"{type(e).__name__}: {e}".encode())
        finally:
            connection.close()

    def serve(self, connection):
        self.heard.append(connection.recv(65536))

    def join(self, connection, onward):
        """Carries on, unless it was stopped before they were among those that it ends."""
        self.connections += [connection, onward]
        if self.server.fileno() >= 0:
            join(connection, onward)

    def stop(self):
        if self.server.fileno() < 0:
            return
        # close() alone would leave the accept() waiting
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass    # it has ended


def join(one, other):
    """Carries bytes both ways until either side ends."""
    def carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()


class Relay(Listener):
    """The server at another address of this machine, with the same port."""

    def __init__(self, target, host):
        self.target = int(target.rsplit(":", 1)[1])
        super().__init__(self.target, host)

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.target)) as onward:
            self.join(connection, onward)


class Tls(Listener):
    """TLS on one side, the sandbox in clear text on the other. `ca`: clients must have a certificate of it."""

    def __init__(self, target, certificate, ca=None, port=0):
        self.target = int(target.rsplit(":", 1)[1])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        if ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(ca)
        super().__init__(port)

    def serve(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as secure, \
                socket.create_connection(("127.0.0.1", self.target)) as plain:
            self.join(secure, plain)


class Proxy(Listener):
    """An HTTP proxy; whatever name it is asked to connect to, it connects to `target` on 127.0.0.1."""

    def __init__(self, target):
        self.target = int(target)
        super().__init__()

    def serve(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        self.heard.append(head)
        with socket.create_connection(("127.0.0.1", self.target)) as onward:
            if head.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                onward.sendall(head)
            self.join(connection, onward)


def response(status, headers, body):
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Rewriter(Listener):
    """The sandbox, but for what `rewrite(target, headers, body)` makes of an answer: its bytes as they are sent, or
    None for the true one. After an answer without a length the connection ends."""

    def __init__(self, sandbox):
        self.true, self.token, self.rewrite, self.targets = sandbox.url, sandbox.token, lambda *_: None, []
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, connection):
        incoming = connection.makefile("rb")
        while line := incoming.readline():
            method, target, _ = line.decode().split()
            headers = http.client.parse_headers(incoming)
            body = incoming.read(int(headers.get("Content-Length", 0)))
            onward = http.client.HTTPConnection(self.true.removeprefix("http://"), timeout=20)
            onward.request(method, target, body or None, {"Authorization": headers["Authorization"]})
            answer = onward.getresponse()
            text = answer.read().replace(self.true.encode(), self.url.encode())     # the region's address too
            onward.close()
            told = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("content-length", "connection")]
            self.targets.append(target)
            said = self.rewrite(target, told, text) or response(answer.status, told, text)
            connection.sendall(said)
            if b"\r\ncontent-length: " not in said.lower():
                return


class Authority:
    """A certificate authority of its own."""

    def __init__(self, where):
        self.where = pathlib.Path(where)
        self.where.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", "/CN=an authority of the tests", "-keyout", "ca.key", "-out", "ca.pem",
                     "-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign")
        self.pem = self.where / "ca.pem"

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.where, check=True, capture_output=True, timeout=60)

    def certificate(self, name, *names, expired=False, called=None):
        """A file with a key and a certificate for these names (`DNS:...`, `IP:...`); without any, of one who is `called` so."""
        (self.where / f"{name}.ext").write_text("subjectAltName=" + ",".join(names) if names else "")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={called or name}",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "-1" if expired else "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        both = self.where / f"{name}.pem"
        both.write_text((self.where / f"{name}.key").read_text() + (self.where / f"{name}.crt").read_text())
        return both
