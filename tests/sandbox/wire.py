# SPDX-License-Identifier: MIT
"""HTTP/1.1 on an asyncio protocol: requests in, responses out, keep-alive.

Our own small layer instead of a library's, because faults are made at the level of bytes: a body that stops in the
middle, a reset, a length that lies. Knows nothing of Sentry; the handler gets a Request and returns a Response, or a
callable that takes over the connection (see faults.py).
"""

import asyncio
import gzip
import json
import socket
import time
from urllib.parse import parse_qsl, unquote

MAX_HEAD = 128 * 1024
MAX_BODY = 16 * 1024 * 1024
SEND_BUFFER = 1 << 20       # a page is handed to the kernel in one piece
REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Entity", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}


ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(value):
    """JSON as Sentry's renderer writes it: UTF-8, no blanks, U+2028 and U+2029 escaped."""
    text = ENCODE(value)
    if "\u2028" in text or "\u2029" in text:
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    # a byte that is not UTF-8 is a lone surrogate here
    return text.encode("utf-8", "surrogateescape")


class Request:
    __slots__ = ("method", "target", "path", "raw_query", "headers", "body", "query", "params", "token", "entry",
                 "rate", "app", "peer")

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        path, _, self.raw_query = target.partition("?")
        self.path = unquote(path)
        self.query = parse_qsl(self.raw_query, keep_blank_values=True)
        self.params = {}
        self.token = self.entry = self.rate = None

    def get(self, key, default=None):
        """The last value of a query parameter, as Django's QueryDict gives it."""
        found = default
        for name, value in self.query:
            if name == key:
                found = value
        return found

    def getlist(self, key):
        return [value for name, value in self.query if name == key]

    def flag(self, key, default=False):
        value = self.get(key)
        return default if value is None else value.lower() in ("1", "true")

    @property
    def origin(self):
        scheme = "https" if self.headers.get("x-forwarded-proto") == "https" else "http"
        return f"{scheme}://" + self.headers.get("host", "127.0.0.1")


class Response:
    __slots__ = ("status", "headers", "body", "takeover")

    def __init__(self, status=200, body=b"", headers=None, content_type="application/json"):
        self.status, self.body = status, body
        self.headers = dict(headers or {})
        self.takeover = None
        if body and content_type and "Content-Type" not in self.headers:
            self.headers["Content-Type"] = content_type

    def head(self, length, close=False):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}", "Server: nginx"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines.append("Connection: " + ("close" if close else "keep-alive"))
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def reply(value, status=200, headers=None):
    """A JSON answer; bytes are taken as JSON that is already serialized."""
    body = value if isinstance(value, bytes) else dumps(value)
    return Response(status, body, headers)


class BadRequest(Exception):
    pass


class Connection(asyncio.Protocol):
    """One client: what it sent and what was not read yet; answers are written to it. It reads and writes as asyncio's
    streams do, and no await waits where the bytes are there already."""

    def __init__(self, server):
        self.server, self.buffer, self.eof = server, bytearray(), False
        self.transport = self.arrived = self.drained = None
        self.paused = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.server.open(self)

    def data_received(self, data):
        self.buffer += data
        if len(self.buffer) > MAX_HEAD + MAX_BODY:
            self.transport.abort()
        self.wake()

    def eof_received(self):
        self.eof = True
        self.wake()
        return True     # an answer to what came before may still be written

    def connection_lost(self, exc):
        self.eof = True
        self.wake()
        self.resume_writing()

    def wake(self):
        if self.arrived is not None and not self.arrived.done():
            self.arrived.set_result(None)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)

    async def more(self):
        """Waits for the next bytes; at the end of the stream what was to be read is incomplete."""
        if self.eof:
            raise asyncio.IncompleteReadError(bytes(self.buffer), None)
        self.arrived = asyncio.get_running_loop().create_future()
        try:
            await self.arrived
        finally:
            self.arrived = None

    def take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    async def read(self, n):
        while not self.buffer and not self.eof:
            await self.more()
        return self.take(n)

    async def readexactly(self, n):
        while len(self.buffer) < n:
            await self.more()
        return self.take(n)

    async def readuntil(self, mark):
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequest("head too long")
            start = max(0, len(self.buffer) - len(mark) + 1)
            await self.more()
        return self.take(at + len(mark))

    def write(self, data):
        self.transport.write(data)

    async def drain(self):
        if self.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        while self.paused:
            self.drained = asyncio.get_running_loop().create_future()
            await self.drained

    def get_extra_info(self, name):
        return self.transport.get_extra_info(name)


async def read_request(connection):
    """The next request of the connection, or None at its end."""
    try:
        head = await connection.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest("request line")
    headers = {}
    for line in lines[1:]:
        if line:
            name, sep, value = line.partition(":")
            if not sep:
                raise BadRequest("header line")
            headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if "content-length" in headers or "transfer-encoding" in headers:
        body = await read_body(connection, headers)
    return Request(parts[0], parts[1], headers, body)


async def read_body(connection, headers):
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            size = int((await connection.readuntil(b"\n")).split(b";")[0], 16)
            if size == 0:
                while (await connection.readuntil(b"\n")).strip():
                    pass
                return body
            if len(body) + size > MAX_BODY:
                raise BadRequest("body too long")
            body += await connection.readexactly(size)
            await connection.readuntil(b"\n")
    length = int(headers.get("content-length") or 0)
    if length > MAX_BODY:
        raise BadRequest("body too long")
    return await connection.readexactly(length) if length > 0 else b""


class Server:
    """Accepts connections on 127.0.0.1 and gives each request to `handler(request)`, a coroutine."""

    def __init__(self, handler, compress=False):
        self.handler, self.compress = handler, compress
        self.connections = set()
        self.server = None

    async def start(self, port):
        self.server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", port,
                                                                     backlog=512)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        for task in list(self.connections):
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    def open(self, connection):
        task = asyncio.get_running_loop().create_task(self.serve(connection))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def serve(self, connection):
        try:
            while await self.exchange(connection):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        except (BadRequest, ValueError):
            connection.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            connection.transport.close()

    async def exchange(self, connection):
        request = await read_request(connection)
        if request is None:
            return False
        response = await self.handler(request)
        if response.takeover is not None:
            return await response.takeover(request, response, connection, connection)
        close = request.headers.get("connection", "").lower() == "close"
        body = response.body
        if self.compress and len(body) > 200 and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 6)
            response.headers["Content-Encoding"] = "gzip"
        if request.entry is not None:
            request.entry["status"] = response.status
            request.entry["ms"] = round((time.time() - request.entry["t"]) * 1000, 1)
        head = response.head(None if response.status == 204 else len(body), close)
        connection.write(head if request.method == "HEAD" else b"".join((head, body)))
        await connection.drain()
        return not close
