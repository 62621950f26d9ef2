# SPDX-License-Identifier: MIT
"""The network goes away under a busy mount and comes back: what was seen stays, writes fail at once, no one waits."""

import errno
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import FAULTS, Mount, Sandbox, wait_until
from front import Authority, Listener, Relay, Tls
from writing import ISSUES, attempt, error_of

BACK_S = 10     # within this all goes on by itself
AT_ONCE_S = 0.5


@pytest.fixture
def server():
    s = Sandbox("--issues", 60, "--unresolved-only")
    yield s
    if s.process.poll() is None:
        s.stop()


def again(s):
    return Sandbox("--issues", 60, "--unresolved-only", "--port", s.url.rsplit(":", 1)[1])


def seen(m):
    """Everything of three issues, read once; {path: bytes}."""
    names = sorted(os.listdir(m.where / ISSUES))[:3]
    files = [m.where / ISSUES / n / f for n in names for f in ("title", "status", "details.json", "events/latest.json",
                                                              "activity.jsonl")]
    return {f: f.read_bytes() for f in files}


def test_what_was_seen_stays_and_all_comes_back(mount, server):
    m = mount("--timeout=5", server=server)
    assert m.start.returncode == 0, m.start.stderr
    texts = seen(m)
    names = sorted(os.listdir(m.where / ISSUES))
    new = m.where / ISSUES / names[10]
    stop, wrong, slow = threading.Event(), [], []

    def walk():
        while not stop.is_set():
            for path, text in texts.items():
                begin = time.monotonic()
                try:
                    found = path.read_bytes()
                except OSError as e:
                    found = e
                if found != text:
                    wrong.append((path, found))
                slow.append(time.monotonic() - begin)
    walkers = [threading.Thread(target=walk) for _ in range(4)]
    for w in walkers:
        w.start()
    server.stop()
    # the first to ask finds out; from then on nobody waits
    assert error_of((new / "details.json").read_bytes) in ("ECONNREFUSED", "EIO")
    wait_until(lambda: "nothing is sent" in m.status()["online"], "the status")
    begin = time.monotonic()
    for name in names[11:31]:
        assert error_of((m.where / ISSUES / name / "details.json").read_bytes) == "ECONNREFUSED"
        assert attempt(m.where / ISSUES / name / "status", "resolved\n") == ("write", "ECONNREFUSED")
    assert time.monotonic() - begin < 20 * AT_ONCE_S
    told = (m.where / ISSUES / names[11] / "last-error").read_text()
    assert "not sent  the server cannot be reached" in told and "so nothing was sent" in told and "\nnext " in told
    assert "it was not asked" in (m.where / ".sentryfs/errors").read_text()
    status = m.status()["online"]
    assert re.match(r"no, since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+ s: .*(refused|connect)", status), status
    asked = int(m.status()["requests"])
    assert set(os.listdir(m.where / ISSUES)) == set(names), "a listing too"
    assert int(m.status()["requests"]) - asked <= 1, "but a probe nothing is sent"
    back = again(server)
    try:
        begin = time.monotonic()
        wait_until(lambda: m.status()["online"] == "yes", "the server", BACK_S)
        assert time.monotonic() - begin < BACK_S
        assert error_of((new / "details.json").read_bytes) is None
        assert attempt(new / "status", "resolved\n") is None
        assert back.control("GET", f"issues/{names[10]}")["status"] == "resolved"
        assert {back.control("GET", f"issues/{n}")["status"] for n in names[11:31]} == {"unresolved"}
    finally:
        stop.set()
        for w in walkers:
            w.join(20)
        m.unmount()
        back.stop()
    assert not wrong and len(slow) > 100
    assert max(slow) < 1.5, "what was seen waits a second for something newer at most"
    print(f"offline: {len(slow)} reads of what was seen, 0 wrong, the slowest {max(slow) * 1000:.0f} ms")


def test_a_network_that_swallows_everything(mount, server):
    """No refusal comes, connecting takes its whole time: one waits for that, then nobody."""
    m = mount("--timeout=3", "--connect-timeout=1", server=server)
    texts = seen(m)
    names = sorted(os.listdir(m.where / ISSUES))
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    # a queue that is full: the kernel answers no SYN
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", port))
        hole.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for s in fill:
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
        assert error_of((m.where / ISSUES / names[10] / "details.json").read_bytes) in ("EHOSTUNREACH", "EIO",
                                                                                        "ETIMEDOUT")
        wait_until(lambda: "nothing is sent" in m.status()["online"] or
                   error_of((m.where / ISSUES / names[10] / "details.json").read_bytes) is None, "the status")
        begin = time.monotonic()
        for name in names[11:21]:
            assert error_of((m.where / ISSUES / name / "details.json").read_bytes) == "EHOSTUNREACH"
            assert attempt(m.where / ISSUES / name / "status", "resolved\n") == ("write", "EHOSTUNREACH")
        assert all(path.read_bytes() == text for path, text in texts.items())
        assert time.monotonic() - begin < 10 * AT_ONCE_S
        for s in fill:
            s.close()
    back = again(server)
    try:
        wait_until(lambda: m.status()["online"] == "yes", "the server", BACK_S)
        assert error_of((m.where / ISSUES / names[11] / "details.json").read_bytes) is None
        m.unmount()
    finally:
        back.stop()


def test_a_busy_mount_over_a_restart(mount, server):
    """Readers go on over a server that is restarted at once: their retries find it again."""
    m = mount("--timeout=5", server=server)
    names = sorted(os.listdir(m.where / ISSUES))
    readers = [subprocess.Popen(["cat", m.where / ISSUES / n / "details.json"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for n in names[:8]]
    server.stop()
    back = again(server)
    try:
        for r in readers:
            out, err = r.communicate(timeout=20)
            assert (r.returncode == 0 and out.endswith(b"}\n")) or err, "whole or an error"
        wait_until(lambda: error_of((m.where / ISSUES / names[20] / "details.json").read_bytes) is None, "it", BACK_S)
        m.unmount()
    finally:
        back.stop()


# ---- regions: servers that go away one by one ----

@pytest.fixture
def regions():
    """The server that knows both organizations, and the two where they live: acme's and beta's."""
    a, b = (Sandbox("--dialect", "sentry", "--issues", 60, "--unresolved-only", "--organization", o) for o in ("acme", "beta"))
    control = Sandbox("--dialect", "sentry")
    control.faults({"path": "^/api/0/organizations/$", "json": [
        {"id": str(n), "slug": s.organization, "name": s.organization, "links": {"regionUrl": s.url}}
        for n, s in enumerate((a, b))]})
    yield control, a, b
    for s in (control, a, b):
        if s.process.poll() is None:
            s.stop()


def asked(server):
    return [(r["method"], r["path"].removeprefix("/api/0/")) for r in server.requests()]


def origins(m):
    """What .sentryfs/status says of each server; {url: words}."""
    lines = (m.where / ".sentryfs/status").read_text().splitlines()
    return dict(line.removeprefix("origin\t").split(": ", 1) for line in lines if line.startswith("origin\t"))


def test_a_region_that_is_away(mount, regions):
    control, a, b = regions
    m = mount("--timeout=5", server=control)
    names = {o: sorted(os.listdir(m.where / o / "projects/web/issues")) for o in ("acme", "beta")}
    texts = {f: f.read_bytes() for f in (m.where / "beta/projects/web/issues" / names["beta"][0] / n
                                         for n in ("title", "details.json", "events/latest.json"))}
    assert m.status()["online"] == "yes" and set(origins(m)) == {s.url for s in regions}
    b.stop()

    def issue(organization, number):
        return m.where / organization / "projects/web/issues" / names[organization][number]
    assert error_of((issue("beta", 1) / "details.json").read_bytes) in ("ECONNREFUSED", "EIO")
    wait_until(lambda: "nothing is sent" in origins(m)[b.url], "the status")
    a.forget()
    control.forget()
    begin = time.monotonic()
    for n in range(2, 12):
        assert error_of((issue("beta", n) / "details.json").read_bytes) == "ECONNREFUSED"
        assert attempt(issue("beta", n) / "status", "resolved\n") == ("write", "ECONNREFUSED")
        assert (issue("acme", n) / "details.json").read_bytes()
        assert attempt(issue("acme", n) / "status", "resolved\n") is None
    assert time.monotonic() - begin < 20 * AT_ONCE_S
    assert {f: f.read_bytes() for f in texts} == texts, "what was seen of it stays"
    # a read and a write each, nothing else, nothing twice, and no look for the other's
    of = [(n, a.control("GET", f"issues/{n}")["id"]) for n in names["acme"][2:12]]
    assert asked(a) == [r for name, number in of for r in (("GET", f"organizations/acme/issues/{name}/"),
                                                           ("PUT", f"organizations/acme/issues/{number}/"))]
    assert asked(control) == []
    assert {a.control("GET", f"issues/{n}")["status"] for n in names["acme"][2:12]} == {"resolved"}
    told = (issue("beta", 2) / "last-error").read_text()
    assert f"not sent  the server cannot be reached ({b.url}: " in told and "so nothing was sent" in told
    assert f"the server cannot be reached ({b.url}: " in (m.where / ".sentryfs/errors").read_text()
    moment = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+ s"
    assert re.fullmatch(f"in part, since {moment}", m.status()["online"]), m.status()["online"]
    status = origins(m)
    assert set(status) == {control.url, a.url, b.url}
    assert re.fullmatch(f"yes, since {moment}", status[a.url]) and re.fullmatch(f"yes, since {moment}", status[control.url])
    assert re.match(f"no, since {moment}: .*(refused|connect).*; nothing is sent", status[b.url]), status[b.url]

    back = Sandbox("--dialect", "sentry", "--issues", 60, "--unresolved-only", "--organization", "beta", "--port",
                   b.url.rsplit(":", 1)[1])
    try:
        begin = time.monotonic()
        wait_until(lambda: m.status()["online"] == "yes", "the region", BACK_S)
        assert time.monotonic() - begin < BACK_S
        # a 502 is an answer, too
        looks = [(r["method"], r["path"]) for r in back.control("GET", "requests")]
        assert set(looks) == {("GET", "/api/0/")} and (FAULTS or len(looks) == 1), "the look was for it"
        assert error_of((issue("beta", 2) / "details.json").read_bytes) is None
        assert attempt(issue("beta", 2) / "status", "resolved\n") is None
        assert {back.control("GET", f"issues/{n}")["status"] for n in names["beta"][3:12]} == {"unresolved"}
        m.unmount()
    finally:
        back.stop()


def test_a_region_that_hangs(mount, regions):
    """It takes neither the connections nor the limits of the others."""
    control, a, b = regions
    m = mount("--timeout=20", server=control)
    names = {o: sorted(os.listdir(m.where / o / "projects/web/issues")) for o in ("acme", "beta")}
    b.control("POST", "options", {"same_limit": 999})
    assert (m.where / "beta/projects/web/issues" / names["beta"][20] / "details.json").read_bytes()
    b.faults({"hang": "before-headers"})
    # each the only child of its parent: a crowd would leave connections to who waits
    hung = [subprocess.Popen(["bash", "-c", 'cat "$1"; true', "-", m.where / "beta/projects/web/issues" / n / f],
                             start_new_session=True, stderr=subprocess.PIPE)
            for n in names["beta"][:15] for f in ("details.json", "events/latest.json", "activity.jsonl")]
    wait_until(lambda: b.control("GET", "faults")["hanging"] >= 24, "as many as there may be")
    begin = time.monotonic()
    for n in names["acme"][:10]:
        assert (m.where / "acme/projects/web/issues" / n / "details.json").read_bytes()
        assert attempt(m.where / "acme/projects/web/issues" / n / "status", "resolved\n") is None
    assert time.monotonic() - begin < 20 * AT_ONCE_S
    for h in hung:
        os.killpg(h.pid, signal.SIGTERM)
        h.communicate(timeout=20)
    m.unmount()


# ---- names and TLS ----

def test_a_name_that_is_not_found(mount, tmp_path):
    """DNS fails: at the start in one sentence, with the errno's words."""
    class Nowhere:
        url, token = "https://sentryfs.invalid", "x" * 64
    m = mount(server=Nowhere)
    assert m.start.returncode == 1 and "cannot reach https://sentryfs.invalid" in m.start.stderr
    assert os.strerror(errno.EHOSTUNREACH) in m.start.stderr
    assert len(m.start.stderr.splitlines()) == 1


class Names:
    """A mount namespace where the test says which names there are: /etc/hosts, nsswitch.conf and resolv.conf are its own."""

    SETUP = """
        set -e
        for name in hosts nsswitch.conf resolv.conf; do mount --bind "$1/$name" "/etc/$name"; done
        echo ready; read -r _ || true
    """

    def __init__(self, where):
        self.etc = where / "etc"
        self.etc.mkdir()
        self.say("")
        (self.etc / "nsswitch.conf").write_text("hosts: files\n")
        # nobody is there, unless a test is; another run beside this one has another
        self.server = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        (self.etc / "resolv.conf").write_text(f"nameserver {self.server}\n")
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "bash", "-c", self.SETUP, "setup",
                                        self.etc], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.within = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        self.sentry = pathlib.Path(f"/proc/{self.holder.pid}/root{where}/sentry")

    def say(self, lines):
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n" + lines)

    def stop(self):
        self.holder.communicate("", timeout=20)


@pytest.fixture
def named(server, tmp_path):
    """A mount of http://sentry.test, which is at 127.0.0.2; (its names, that address, the mount)."""
    names = Names(tmp_path)
    names.say("127.0.0.2 sentry.test\n")
    relay = Relay(server.url, "127.0.0.2")

    class There:
        url, token = server.url.replace("127.0.0.1", "sentry.test"), server.token
    m = Mount(There, names.sentry, "--insecure", "--timeout=5", "--connect-timeout=1", within=names.within)
    try:
        assert m.start.returncode == 0, m.start.stderr
        yield names, relay, m
    finally:
        m.unmount()
        relay.stop()
        names.stop()


def test_a_server_that_moves(named):
    """Its name leads to another address, and the old one refuses: libcurl alone would go on there for 60 s."""
    names, relay, m = named
    issues = sorted(os.listdir(m.where / ISSUES))
    assert (m.where / ISSUES / issues[0] / "details.json").read_bytes()
    names.say("127.0.0.1 sentry.test\n")
    relay.stop()
    begin = time.monotonic()
    assert error_of((m.where / ISSUES / issues[1] / "details.json").read_bytes) is None
    assert attempt(m.where / ISSUES / issues[1] / "status", "resolved\n") is None
    assert time.monotonic() - begin < BACK_S
    assert m.status()["online"] == "yes"


@pytest.mark.parametrize("how", ["the name is gone", "no name server answers"])
def test_a_name_that_is_lost_under_a_mount(named, server, how):
    names, relay, m = named
    texts = seen(m)
    issues = sorted(os.listdir(m.where / ISSUES))
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if how == "no name server answers":
        silent.bind((names.server, 53))
        (names.etc / "nsswitch.conf").write_text("hosts: files dns\n")
    names.say("")
    relay.stop()
    slow = []
    with silent:
        # the first to ask finds out
        assert error_of((m.where / ISSUES / issues[10] / "details.json").read_bytes) in ("EHOSTUNREACH", "ECONNREFUSED")
        wait_until(lambda: "esolv" in m.status()["online"], "the status")
        end = time.monotonic() + 3      # looks for it come and go meanwhile
        while time.monotonic() < end:
            for path, text in texts.items():
                begin = time.monotonic()
                assert path.read_bytes() == text
                slow.append(time.monotonic() - begin)
            for name in issues[11:13]:
                begin = time.monotonic()
                assert error_of((m.where / ISSUES / name / "details.json").read_bytes) == "EHOSTUNREACH"
                assert attempt(m.where / ISSUES / name / "status", "resolved\n") == ("write", "EHOSTUNREACH")
                slow.append(time.monotonic() - begin)
        assert max(slow) < 1.5, f"the slowest took {max(slow):.1f} s: getaddrinfo() goes on for 10"
        print(f"names: {len(slow)} operations while the name is looked for, the slowest {max(slow) * 1000:.0f} ms")
        told = (m.where / ISSUES / issues[11] / "last-error").read_text()
        assert "not sent  the server cannot be reached" in told and "esolv" in told
        assert re.match(r"no, since 20\S+Z, \d+ s: (Could not resolve host: sentry.test|Resolving timed out)", m.status()["online"])
        names.say("127.0.0.1 sentry.test\n")
        begin = time.monotonic()
        wait_until(lambda: m.status()["online"] == "yes", "the server", BACK_S)
        assert time.monotonic() - begin < BACK_S
    assert error_of((m.where / ISSUES / issues[11] / "details.json").read_bytes) is None
    assert attempt(m.where / ISSUES / issues[11] / "status", "resolved\n") is None
    assert server.control("GET", f"issues/{issues[12]}")["status"] == "unresolved"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


class Plain(Listener):
    """A web server without TLS."""

    def serve(self, connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def unknown(authority):
    return Authority(authority.where.parent / "unknown").certificate("server", "IP:127.0.0.1")


BAD_TLS = {
    "expired": (lambda url, ca, port: Tls(url, ca.certificate("old", "IP:127.0.0.1", expired=True), port=port), "certificate has expired"),
    "another name": (lambda url, ca, port: Tls(url, ca.certificate("other", "DNS:other.test"), port=port),
                     "no alternative certificate subject name"),
    "an unknown authority": (lambda url, ca, port: Tls(url, unknown(ca), port=port), "unable to get local issuer certificate"),
    "no TLS": (lambda url, ca, port: Plain(port), "wrong version number"),
    "hangs up": (lambda url, ca, port: Listener(port), "SSL_"),
}


@pytest.mark.parametrize("how", BAD_TLS)
def test_tls_that_fails_under_a_mount(mount, server, authority, how):
    """Nothing is sent to who is not trusted; what was seen stays, and it goes on when the right one is back."""
    make, words = BAD_TLS[how]
    good = authority.certificate("good", "IP:127.0.0.1")
    front = Tls(server.url, good)

    class There:
        url, token = f"https://127.0.0.1:{front.port}", server.token
    m = mount(f"--cacert={authority.pem}", "--timeout=5", server=There)
    assert m.start.returncode == 0, m.start.stderr
    texts = seen(m)
    issues = sorted(os.listdir(m.where / ISSUES))
    front.stop()
    bad = make(server.url, authority, front.port)
    server.forget()
    # a connection that ends under a read may be another error the first time
    error_of((m.where / ISSUES / issues[10] / "details.json").read_bytes)
    wait_until(lambda: words in m.status()["online"], "the status")
    begin = time.monotonic()
    for name in issues[11:21]:
        assert error_of((m.where / ISSUES / name / "details.json").read_bytes) == "EPROTO"
        assert attempt(m.where / ISSUES / name / "status", "resolved\n") == ("write", "EPROTO")
    assert {path: path.read_bytes() for path in texts} == texts
    assert time.monotonic() - begin < 20 * AT_ONCE_S
    assert server.requests() == [] and server.token.encode() not in b"".join(bad.heard)
    told = (m.where / ISSUES / issues[11] / "last-error").read_text()
    assert "not sent  the server cannot be reached" in told and words in told and "cacert" in told
    assert words in (m.where / ".sentryfs/errors").read_text()
    bad.stop()
    front = Tls(server.url, good, port=front.port)
    try:
        begin = time.monotonic()
        wait_until(lambda: m.status()["online"] == "yes", "the server", BACK_S)
        assert time.monotonic() - begin < BACK_S
        assert error_of((m.where / ISSUES / issues[11] / "details.json").read_bytes) is None
        assert attempt(m.where / ISSUES / issues[11] / "status", "resolved\n") is None
        assert {server.control("GET", f"issues/{n}")["status"] for n in issues[12:21]} == {"unresolved"}
        m.unmount()
    finally:
        front.stop()


def test_a_server_without_tls(mount):
    """What answers to a TLS greeting as a plain web server does."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        def answer():
            for _ in range(4):
                try:
                    s, _ = plain.accept()
                except OSError:
                    return
                with s:
                    s.recv(4096)
                    s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        server = threading.Thread(target=answer, daemon=True)
        server.start()

        class Plain:
            url, token = f"https://127.0.0.1:{plain.getsockname()[1]}", "x" * 64
        m = mount(server=Plain)
        assert m.start.returncode == 1 and "cannot trust https://127.0.0.1" in m.start.stderr, m.start.stderr
        assert "check the address" in m.start.stderr and len(m.start.stderr.splitlines()) == 1
        plain.shutdown(socket.SHUT_RDWR)
        server.join(10)
