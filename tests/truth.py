# SPDX-License-Identifier: MIT
"""A mount under random faults, held against the truth: what every read may show, and what became of every write.

The model knows each issue's fixed bytes and each value that was ever written. Walkers, readers and writers, all from
one seed, do random operations while the server spoils one answer in ten. An operation gives what is true or an error,
within its time; a write is done once or reported. tools/soak and test_mount_random.py run it.
"""

import collections
import errno
import json
import os
import random
import subprocess
import threading
import time

from writing import ISSUES, attempt

FIXED = ("title", "culprit", "level", "type", "platform", "shortId", "firstSeen")
TIMEOUT_S = 3       # of the mount
COMMENTS_MAX = 8    # of an issue
LATE_S = 12         # an operation takes longer than this: it did not end. A write has its look after it
HTML = "<html><h1>Bad gateway</h1></html>"
FAULTS = [
    {"delay_ms": 200}, {"hang": "before-headers"}, {"hang": "mid-body"}, {"reset": 30}, {"reset": 0}, {"cut": 30},
    {"cut": True}, {"truncate": True}, {"drop": True}, {"drop": True, "keep": True}, {"garbage": 300},
    {"status": 200, "body": HTML, "content_type": "text/html"}, {"status": 200, "body": '"text"'},
    {"status": 200, "empty": True}, {"deep": 20000}, {"drip": 400},
    {"status": 500, "body": {"detail": "Internal Error", "errorId": "a1"}},
    {"status": 502, "body": HTML, "content_type": "text/html"},
    {"status": 504, "body": HTML, "content_type": "text/html", "keep": True},
    {"status": 503, "body": HTML, "content_type": "text/html"}, {"location": "/api/0/"}, {"status": 409, "body": "{}"},
    {"rate_limit": "object"}, {"rate_limit": "string"}, {"rate_limit": "retry-after"}, {"rate_limit": "no-reset"},
]


def rules(percent, seed):
    """A plan in which a request meets some fault with this probability, each kind alike."""
    left, found = 1.0, []
    each = percent / 100 / len(FAULTS)
    for n, fault in enumerate(FAULTS):
        found.append({**fault, "probability": each / left, "seed": seed * 1000 + n})
        left -= each
    return found


class Model:
    def __init__(self, server, mount, seed, walks=0):
        self.server, self.mount, self.seed = server, mount, seed
        # what grows at the server grows here: a run that looks at the memory changes what leaves no trace there
        self.controls = (("isBookmarked", ("true", "false")), ("priority", ("high", "medium", "low")))
        self.controls = self.controls[:1 if walks else 2]
        self.operations = (*self.OPERATIONS, (Model.walk, walks))
        self.lock = threading.Lock()
        self.count = collections.Counter()
        self.wrong, self.slowest = [], 0.0
        self.learn()

    def learn(self):
        """The truth, from the server itself, before anything is spoilt."""
        direct = self.server
        self.issues, self.fixed, self.events, self.values, self.locks, self.said = [], {}, {}, {}, {}, {}
        self.sizes = {}
        query = {"query": "is:unresolved", "project": self.project(direct)}
        for page in direct.walk(direct.org + "/issues/", **query):
            for row in page.json:
                name = row["shortId"]
                self.issues.append(name)
                self.fixed[name] = {"id": row["id"], **{k: row[k] for k in FIXED}}
                self.values[name] = {row["priority"]}
                self.sizes[name] = int(row["count"])
                self.locks[name], self.said[name] = threading.Lock(), {}
                ids = [e["eventID"] for p in direct.walk(f"{direct.org}/issues/{row['id']}/events/") for e in p.json]
                self.events[name] = {i: direct.get(f"{direct.org}/issues/{row['id']}/events/{i}/").json for i in ids}

    @staticmethod
    def project(direct):
        return next(p["id"] for p in direct.get(direct.org + "/projects/").json if p["slug"] == "web")

    # ---- what is said of an operation ----

    def claim(self, true, what):
        if not true:
            with self.lock:
                self.wrong.append(what)

    def do(self, kind, call):
        """Counts an operation and its time. What it gives, or None after an error."""
        begin, found, error = time.monotonic(), None, None
        try:
            found = call()
        except OSError as e:
            error = errno.errorcode[e.errno]
        took = time.monotonic() - begin
        with self.lock:
            self.count["operations"] += 1
            self.count[kind] += 1
            self.count["errors"] += error is not None
            self.count[f"error {error}"] += error is not None
            self.slowest = max(self.slowest, took)
            if took > LATE_S:
                self.wrong.append(f"{kind} took {took:.1f} s")
            if error in ("ENOTCONN", "ENOENT", "EACCES"):
                self.wrong.append(f"{kind}: {error}, though it is there")
        return found

    def path(self, name, *rest):
        return self.mount.where.joinpath(ISSUES, name, *rest)

    # ---- operations ----

    def read_fixed(self, rng, name):
        field = rng.choice(FIXED)
        text = self.do("read", self.path(name, field).read_text)
        if text is not None:
            # a single value is cleaned of control characters
            want = "".join(c if c.isprintable() else " " for c in str(self.fixed[name][field] or ""))
            self.claim(text == want + "\n", f"{name}/{field}: {text!r}, not {want!r}")

    def read_json(self, rng, name):
        file = rng.choice(("details.json", "issue.json"))
        text = self.do("read", self.path(name, file).read_text)
        if text is None:
            return
        try:
            data = json.loads(text)
        except ValueError:
            self.claim(False, f"{name}/{file} is cut: {text[-80:]!r}")
            return
        mine = self.fixed[name]
        self.claim(all(data[k] == mine[k] for k in mine), f"{name}/{file} is another's")
        with self.lock:
            known = set(self.values[name])
        self.claim(data["priority"] in known, f"{name}/{file}: priority {data['priority']}")

    def read_event(self, rng, name):
        wanted = rng.choice(sorted(self.events[name]))
        text = self.do("read", self.path(name, "events", f"{wanted}.json").read_text)
        if text is None:
            return
        try:
            data = json.loads(text)
        except ValueError:
            self.claim(False, f"event {wanted} is cut: {text[-80:]!r}")
            return
        true = self.events[name][wanted]
        bad = [k for k in data if k in true and k not in ("nextEventID", "previousEventID") and data[k] != true[k]]
        self.claim(not bad and data["eventID"] == wanted, f"event {wanted} of {name} differs in {bad}")

    def list_events(self, rng, name):
        found = self.do("list", lambda: os.listdir(self.path(name, "events")))
        if found is not None:
            ids = {f.removesuffix(".json") for f in found if f.endswith(".json")} - {"latest", "oldest", "recommended"}
            self.claim(ids == set(self.events[name]), f"{name}/events lists {len(ids)}, not {len(self.events[name])}")

    def list_issues(self, rng, name):
        found = self.do("list", lambda: os.listdir(self.mount.where / ISSUES))
        if found is not None:
            found = [f for f in found if f != ".bulk"]
            self.claim(sorted(found) == sorted(self.issues), f"issues/ lists {len(found)} of {len(self.issues)}")

    def stat(self, rng, name):
        st = self.do("stat", self.path(name).stat)
        if st is not None:
            self.claim(st.st_size == self.sizes[name], f"{name}: size {st.st_size}")

    def walk(self, rng, name):
        """A program of its own looks at all of an issue; what fails it says, and goes on."""
        tool = rng.choice((["find", "-P"], ["grep", "-rl", "kiwi"], ["tar", "cf", "/dev/null"])) + [self.path(name)]
        begin = time.monotonic()
        status = subprocess.run(tool, capture_output=True, timeout=300, check=False).returncode
        with self.lock:
            self.count["walks"] += 1
        self.claim(status in (0, 1, 2), f"{tool} of {name} ended with {status} after {time.monotonic() - begin:.0f} s")

    def refresh(self, rng, name):
        self.do("refresh", lambda: (self.mount.where / ".sentryfs/refresh").write_text("1\n"))

    def present(self, name, field):
        value = self.server.control("GET", f"issues/{name}")[field]
        return str(value).lower() if isinstance(value, bool) else value

    def write(self, rng, name):
        """A value that is unlike the present one: after a success the server has it, and so has every view."""
        field, values = rng.choice(self.controls)
        with self.locks[name]:
            before = self.present(name, field)
            value = rng.choice([v for v in values if v != before])
            with self.lock:
                if field == "priority":
                    self.values[name].add(value)
                self.count["changes"] += 1
            failed = self.do("write", lambda: self.attempt(self.path(name, field), value))
            after = self.present(name, field)
            told = self.told(name, failed)
            if not failed:
                self.claim(after == value, f"{name}: wrote {value}, which succeeded, but the server has {after}")
                shown = self.do("read", self.path(name, field).read_text)
                self.claim(shown in (None, value + "\n"), f"{name}: wrote {value}, read {shown!r}")
            elif told is not None:
                self.claim(failed[1] in told or failed[0] == "open", f"{name}: {failed}, but last-error says {told!r}")
                if "not known" not in told:
                    self.claim(after == before, f"{name}: {failed} without a doubt, but it was done: {told!r}")

    def comment(self, rng, name):
        """Each is unlike any other: the server has it once after a success, at most once after an error."""
        text = f"comment {rng.getrandbits(60):x}"
        with self.locks[name]:
            if len(self.said[name]) >= COMMENTS_MAX:
                return
            with self.lock:
                self.count["changes"] += 1
            failed = self.do("write", lambda: self.attempt(self.path(name, "comments/new"), text + "\n"))
            self.said[name][text] = failed, self.told(name, failed)

    @staticmethod
    def attempt(path, data):
        """As writing.attempt(); a failure counts as an error, and is still given."""
        found = attempt(path, data)
        return found or ()

    def told(self, name, failed):
        """What last-error says of a write; of one that could not even be opened, nothing. None: it cannot be read."""
        if not failed or failed[0] == "open":
            return ""
        try:
            return self.path(name, "last-error").read_text()
        except OSError:
            return None

    OPERATIONS = ((read_fixed, 20), (read_json, 25), (read_event, 25), (list_events, 12), (list_issues, 8), (stat, 6),
                  (write, 8), (comment, 5), (refresh, 2))

    # ---- the run ----

    def work(self, number, more):
        rng = random.Random(f"{self.seed} {number}")
        calls, weights = zip(*self.operations, strict=True)
        while more():
            rng.choices(calls, weights)[0](self, rng, rng.choice(self.issues))

    def run(self, workers, more):
        threads = [threading.Thread(target=self.work, args=(n, more)) for n in range(workers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def settle(self):
        """The faults are over: all that is shown is what the server has, and it has each change at most once."""
        self.server.control("POST", "faults", [])
        (self.mount.where / ".sentryfs/refresh").write_text("1\n")
        log = [r for r in self.server.requests() if r["method"] != "GET"]
        for name in self.issues:
            true = self.server.control("GET", f"issues/{name}")
            shown = self.path(name, "priority").read_text().strip()
            self.claim(shown == true["priority"], f"{name}: shows {shown}, the server has {true['priority']}")
            texts = collections.Counter(a["data"].get("text") for a in true["activity"] if a["type"] == "note")
            for text, (failed, told) in self.said[name].items():
                n = texts[text]
                self.claim(n == 1 if not failed else n <= 1, f"{name}: a comment is there {n} times after {failed}: "
                           + "; ".join(f"{r['path']} {r['status']}" for r in log if text in (r["body"] or "")))
                if failed and told is not None and "not known" not in told:
                    self.claim(n == 0, f"{name}: a comment is there after {failed} without a doubt: {told!r}")
        requests = self.server.requests()
        # what a limit refused was not done, and is sent again
        self.count["sent"] = sum(r["method"] in ("PUT", "POST") and r["status"] != 429 for r in requests)
        self.claim(self.count["sent"] <= self.count["changes"],
                   f"{self.count['sent']} requests for {self.count['changes']} changes")
        self.count["requests"] = len(requests)

    def figures(self, faults):
        c = self.count
        return (f"seed {self.seed}: {c['operations']} operations ({c['read']} reads, {c['list']} listings, "
                f"{c['write']} writes), {c['requests']} requests, {faults} faults, {c['errors']} errors, the slowest {self.slowest:.1f} s, "
                f"{c['sent']} changes sent of {c['changes']}, wrong {len(self.wrong)}")


def hits(server):
    return sum(r["hits"] for r in server.control("GET", "faults")["rules"])
