# SPDX-License-Identifier: MIT
"""HTTP/1.1 on asyncio streams: requests in, responses out, keep-alive.

Our own small layer instead of a library's, because faults are made at the level of bytes: a body that stops in the
middle, a reset, a length that lies. Knows nothing of Sentry; the handler gets a Request and returns a Response, or a
callable that takes over the connection (see faults.py).
"""

import asyncio
import gzip
import json
import time
from urllib.parse import parse_qsl, unquote

MAX_HEAD = 128 * 1024
MAX_BODY = 16 * 1024 * 1024
REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Entity", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}


def dumps(value):
    """JSON as Sentry's renderer writes it: UTF-8, no blanks, U+2028 and U+2029 escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "\u2028" in text or "\u2029" in text:
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text.encode()


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
        return "http://" + self.headers.get("host", "127.0.0.1")


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


async def read_request(reader, writer):
    """The next request of the connection, or None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as e:
        raise BadRequest("head too long") from e
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
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(parts[0], parts[1], headers, await read_body(reader, headers))


async def read_body(reader, headers):
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            if size == 0:
                while (await reader.readline()).strip():
                    pass
                return body
            if len(body) + size > MAX_BODY:
                raise BadRequest("body too long")
            body += await reader.readexactly(size)
            await reader.readline()
    length = int(headers.get("content-length") or 0)
    if length > MAX_BODY:
        raise BadRequest("body too long")
    return await reader.readexactly(length) if length else b""


class Server:
    """Accepts connections on 127.0.0.1 and gives each request to `handler(request)`, a coroutine."""

    def __init__(self, handler, compress=False):
        self.handler, self.compress = handler, compress
        self.connections = set()
        self.server = None

    async def start(self, port):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, limit=MAX_HEAD, backlog=512)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        for task in list(self.connections):
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.connections.add(task)
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        except (BadRequest, ValueError):
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            self.connections.discard(task)
            writer.close()

    async def exchange(self, reader, writer):
        request = await read_request(reader, writer)
        if request is None:
            return False
        response = await self.handler(request)
        if response.takeover is not None:
            return await response.takeover(request, response, reader, writer)
        close = request.headers.get("connection", "").lower() == "close"
        body = response.body
        if self.compress and len(body) > 200 and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 6)
            response.headers["Content-Encoding"] = "gzip"
        if request.entry is not None:
            request.entry["status"] = response.status
            request.entry["ms"] = round((time.time() - request.entry["t"]) * 1000, 1)
        head = response.head(None if response.status == 204 else len(body), close)
        writer.write(head + (b"" if request.method == "HEAD" else body))
        await writer.drain()
        return not close
