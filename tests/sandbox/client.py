# SPDX-License-Identifier: MIT
"""Starts a sandbox and talks to it: for tests. `with Sandbox("--issues", "1000") as s: s.get("/organizations/")`."""

import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse

SERVE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "serve")


def eventually(holds, seconds=5):
    """Asks again and again: each question is a request, and the server answers at its own pace."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"


def issue_path(s, name):
    return f"{s.org}/issues/{name}/"


def ids(pages, key="id"):
    return [one[key] for page in pages for one in page.json]


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body.decode(errors="surrogateescape"))

    @property
    def links(self):
        """{rel: (cursor, more)}"""
        found = re.findall(r'rel="(\w+)"; results="(\w+)"; cursor="([^"]*)"', self.headers.get("Link") or "")
        return {rel: (cursor, results == "true") for rel, results, cursor in found}


class Sandbox:
    def __init__(self, *options, token=None):
        self.process = subprocess.Popen([SERVE, *map(str, options)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox did not start, status {self.process.wait()}")
        ready = json.loads(line)
        self.url, self.organization, self.pid = ready["url"], ready["organization"], ready["pid"]
        self.token = token or ready["token"]
        self.org = f"/organizations/{self.organization}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Its exit status; 0 after a clean end."""
        self.process.terminate()
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    def raw(self, method, target, body=None, headers=None, timeout=20):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=timeout)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def call(self, method, path, data=None, token=None, headers=None, **params):
        """An API call; `path` is behind /api/0. A list as a parameter repeats the key."""
        pairs = [(k, v) for k, vs in params.items() for v in (vs if isinstance(vs, list) else [vs])]
        query = "?" + urllib.parse.urlencode(pairs) if pairs else ""
        send = {"Authorization": "Bearer " + (token or self.token)} | (headers or {})
        body = None
        if data is not None:
            body = json.dumps(data)
            send["Content-Type"] = "application/json"
        return self.raw(method, "/api/0" + path + query, body, send)

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def put(self, path, data, **kw):
        return self.call("PUT", path, data, **kw)

    def walk(self, path, **params):
        """Every page by its next cursor; yields Replies."""
        while True:
            reply = self.get(path, **params)
            yield reply
            cursor, more = reply.links["next"]
            if not more:
                return
            params["cursor"] = cursor

    def control(self, method, what, data=None):
        body = None if data is None else json.dumps(data)
        reply = self.raw(method, "/_sandbox/" + what, body)
        if reply.status >= 400:
            raise ValueError(f"/_sandbox/{what}: {reply.body!r}")
        return reply.json if reply.body else None

    def requests(self):
        return self.control("GET", "requests")

    def forget(self):
        self.control("DELETE", "requests")

    def faults(self, *rules):
        return self.control("POST", "faults", list(rules))

    def mutate(self, op, **kw):
        return self.control("POST", "mutate", {"op": op, **kw})

    def options(self, **kw):
        return self.control("POST", "options", kw)

    def issue(self, short_id):
        """The server's own view of an issue, deleted or merged ones too."""
        return self.control("GET", "issues/" + short_id)

    def make_token(self, *scopes, **kw):
        return self.control("POST", "tokens", {"scopes": list(scopes), **kw})["token"]
