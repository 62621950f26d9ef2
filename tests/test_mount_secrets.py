# SPDX-License-Identifier: MIT
"""The token is sent to the server that it is for and is nowhere else; TLS is what it should be."""

import base64
import os
import pathlib
import signal
import stat
import subprocess
import urllib.parse
import urllib.request

import pytest
from conftest import COMMAND, PROGRAM, server_of, wait_until
from front import Authority, Listener, Proxy, Tls
from test_mount_faults import ANSWERS, ISSUES, read_errno
from writing import attempt

DETAILS = f"{ISSUES}/WEB-1/details.json"


# a seed of its own: `ps` sees the processes of other tests, whose token is another then
small = server_of("--issues", 8, "--projects", 1, "--events", 2, "--seed", os.getpid())


# ---- the token is nowhere ----

def forms(token):
    """The token as it could be written: as it is, its halves, and what encodings make of it."""
    token = token.encode()
    words = {token, token[len(token) // 2:], token[7:len(token) // 2], base64.b64encode(token).rstrip(b"="),
             token.hex().encode(), urllib.parse.quote(token).encode(), token[::-1]}
    assert all(len(w) >= 16 for w in words)
    return words


class Search:
    """Looks for the token in one place after the other, and counts the places."""

    def __init__(self, token):
        self.words, self.places, self.found, self.bytes = forms(token), set(), [], 0

    def look(self, place, data):
        data = data if isinstance(data, bytes) else str(data).encode(errors="surrogateescape")
        self.places.add(place)
        self.bytes += len(data)
        self.found += [(place, w) for w in self.words if w in data]

    def file(self, path, place=None):
        try:
            with open(path, "rb") as f:
                self.look(place or str(path), f.read(32 << 20))
        except OSError as e:
            self.look(f"{place or path}: why not", str(e))

    def tree(self, top, most=10 ** 6):
        for where, dirs, files in os.walk(top):
            for name in [*dirs, *files]:
                path = f"{where}/{name}"
                self.look(f"the name {path}", name)
                if os.path.islink(path):
                    try:
                        self.look(f"the link {path}", os.readlink(path))
                    except OSError as e:
                        self.look(f"the link {path}: why not", str(e))
                elif stat.S_ISREG(os.lstat(path).st_mode):
                    self.file(path)
                try:
                    for attribute in os.listxattr(path):
                        self.look(f"{attribute} of {path}", attribute.encode() + os.getxattr(path, attribute))
                except OSError as e:
                    self.look(f"the attributes of {path}", str(e))

    def process(self, pid):
        """What others can see of a process. Not its memory, where the token must be."""
        for name in ("cmdline", "environ", "comm", "status", "stat", "maps", "smaps", "mounts", "mountinfo", "mountstats",
                     "limits", "auxv", "io", "sched", "stack", "syscall", "wchan", "cgroup", "net/tcp", "net/unix"):
            self.file(f"/proc/{pid}/{name}", f"/proc/PID/{name}")
        for fd in os.listdir(f"/proc/{pid}/fd"):
            self.look(f"/proc/PID/fd/{fd}", os.readlink(f"/proc/{pid}/fd/{fd}"))
            self.file(f"/proc/{pid}/fdinfo/{fd}", f"/proc/PID/fdinfo/{fd}")
        for task in os.listdir(f"/proc/{pid}/task"):
            for name in ("cmdline", "environ", "comm", "status"):
                self.file(f"/proc/{pid}/task/{task}/{name}", f"/proc/PID/task/TID/{name}")


def with_core_files():
    import resource
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@pytest.mark.parametrize("place", ["SENTRY_AUTH_TOKEN", "SENTRY_TOKEN", "token_file", "credential", "sentryclirc"])
def test_the_token_is_found_nowhere(small, tmp_path, place, record_property):
    """In the foreground with every operation logged, while it is used, and while the server fails in every way."""
    where, out, err, home = (tmp_path / n for n in ("sentry", "out", "err", "home"))
    where.mkdir()
    home.mkdir()
    secret = tmp_path / "private" / "sentry-token"
    secret.parent.mkdir(mode=0o700)
    secret.write_text(small.token)
    secret.chmod(0o600)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache"),
           **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    options = []
    if place.startswith("SENTRY"):
        env[place] = small.token
    elif place == "token_file":
        options = ["-o", f"token_file={secret}"]
    elif place == "credential":
        env["CREDENTIALS_DIRECTORY"] = str(secret.parent)
    else:
        secret = home / ".sentryclirc"
        secret.touch(0o600)
        secret.write_text(f"[auth]\ntoken = {small.token}\n")
    small.faults()
    search = Search(small.token)
    with open(out, "wb") as o, open(err, "wb") as e:
        daemon = subprocess.Popen([PROGRAM, "-d", f"--url={small.url}", "--timeout=1", *options, where], stdout=o,
                                  stderr=e, env=env, cwd=tmp_path, preexec_fn=with_core_files)
    try:
        wait_until(lambda: (where / "README.md").exists(), "the mount")
        search.tree(where)
        answers = ANSWERS if place == "SENTRY_AUTH_TOKEN" else ANSWERS[::6]
        echo = {"status": 403, "json": {"detail": f"no {small.token} here", "Authorization": f"Bearer {small.token}"}}
        for answer in [*[a for a, _ in answers], echo, {**echo, "body": f"Bearer {small.token}\n", "json": None}]:
            small.faults({"path": "/issues/WEB-1/$", **{k: v for k, v in answer.items() if v is not None}})
            (where / ".sentryfs/refresh").write_text("now")
            os.listdir(where / ISSUES)
            assert read_errno(where / DETAILS) is not None
            with pytest.raises(OSError):
                (where / ISSUES / "WEB-1/hasSeen").write_text("maybe")
            search.tree(where / ".sentryfs")
            search.file(where / ISSUES / "WEB-1/last-error")
        small.faults({"method": "PUT", **echo})
        with pytest.raises(OSError):
            (where / ISSUES / "WEB-2/isBookmarked").write_text("true")
        search.file(where / ISSUES / "WEB-2/last-error")
        small.faults()
        (where / ISSUES / "WEB-3/comments/new").write_text(f"as found in {place}")
        os.kill(daemon.pid, signal.SIGHUP)
        wait_until(lambda: read_errno(where / DETAILS) is None, "the file")
        search.tree(where / ".sentryfs")
        search.process(daemon.pid)
        search.tree(tmp_path / "cache")
        for command in (["ps", "axewwf"], ["mount"], ["findmnt", "-A"], ["df", "-aT"]):
            done = subprocess.run(command, capture_output=True, check=False)
            search.look(" ".join(command), done.stdout + done.stderr)
        for words in (["doctor", f"--url={small.url}", *options], ["status"], ["status", where], ["fetch", f"{where}/README.md"]):
            done = subprocess.run([*COMMAND, *words], capture_output=True, env=env, cwd=tmp_path, timeout=60, check=False)
            search.look(f"sentryfs {words[0]}", done.stdout + done.stderr)
            assert done.stdout + done.stderr
        for name in ("mounts", "mountinfo", "mountstats"):
            search.file(f"/proc/self/{name}")
    finally:
        daemon.send_signal(signal.SIGABRT)
        status = os.waitpid(daemon.pid, 0)[1]
        daemon.returncode = 0
        subprocess.run(["fusermount3", "-u", where], check=False, capture_output=True)
    assert os.WTERMSIG(status) == signal.SIGABRT and not os.WCOREDUMP(status)
    search.tree(tmp_path / "cache")
    search.file(out)
    search.file(err)
    for path in [*tmp_path.glob("core*"), *pathlib.Path("/").glob("core*")]:
        search.file(path)
    assert search.found == []
    assert len(search.places) > 500 and search.bytes > 500_000
    assert b"LOOKUP" in err.read_bytes(), "it was logged"
    assert any(p.suffix == ".db" for p in (tmp_path / "cache/sentryfs").iterdir())
    for path in [tmp_path / "cache/sentryfs", *(tmp_path / "cache/sentryfs").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert all(r["token"] == small.token[-8:] for r in small.requests()), "it was used"
    record_property("places", len(search.places))
    print(f"\n{place}: {len(search.places)} places, {search.bytes} bytes")


def test_a_search_finds_what_is_there(small):
    search = Search(small.token)
    search.look("a", f"x{small.token}y")
    search.look("b", b"Basic " + base64.b64encode(small.token.encode()))
    assert {place for place, _ in search.found} == {"a", "b"}


# ---- to the server alone ----

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_gets_no_token(mounted, sandbox, status):
    other = Listener()
    mounted.sh(f"ls {ISSUES}")
    for location in (f"http://127.0.0.1:{other.port}/api/0/x/", f"//127.0.0.1:{other.port}/x"):
        sandbox.faults({"path": "/issues/WEB-1/$", "status": status, "location": location})
        sandbox.forget()
        assert read_errno(mounted.where / DETAILS) == "EIO"
        assert len(sandbox.requests()) == 1
        (line,) = [x for x in (mounted.where / ".sentryfs/errors").read_text().splitlines() if "WEB-1" in x][-1:]
        assert f"HTTP {status}" in line and "a redirect, which is not followed" in line
    sandbox.faults({"method": "PUT", "status": status, "location": f"http://127.0.0.1:{other.port}/"})
    with pytest.raises(OSError):
        (mounted.where / ISSUES / "WEB-1/isBookmarked").write_text("true")
    assert other.heard == []
    other.stop()


def test_a_link_header_to_elsewhere_gives_a_cursor_alone(mount, sandbox):
    other = Listener()
    expected = mount(name="as it is").sh(f"ls {ISSUES}").stdout
    asked, = [r for r in sandbox.requests() if r["path"].endswith("/acme/issues/") and "cursor=" not in r["query"]]
    first = urllib.request.Request(f"{sandbox.url}{asked['path']}?{asked['query']}",
                                   headers={"Authorization": f"Bearer {sandbox.token}"})
    with urllib.request.urlopen(first, timeout=20) as answer:
        link = answer.headers["Link"].replace(sandbox.url, f"http://127.0.0.1:{other.port}")
    assert link.count(f":{other.port}/") == 2
    sandbox.faults({"path": "/organizations/acme/issues/$", "times": 1, "headers": {"Link": link}})
    sandbox.forget()
    assert mount().sh(f"ls {ISSUES}").stdout == expected and len(expected.split()) > 100
    assert other.heard == []
    assert sum(r["path"].endswith("/acme/issues/") for r in sandbox.requests()) == 2
    other.stop()


def test_plain_http_goes_to_this_machine_alone(tmp_path):
    (tmp_path / "m").mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": "x" * 40}
    for url in ("http://sentry.test", "http://127.0.0.1.test", "http://10.0.0.1:80"):
        done = subprocess.run([*COMMAND, f"--url={url}", tmp_path / "m"], capture_output=True, text=True, env=env, timeout=20)
        assert done.returncode == 2 and "in clear text" in done.stderr


def test_no_proxy_to_this_machine(mount, sandbox):
    proxy = Listener()
    where = f"http://127.0.0.1:{proxy.port}"
    m = mount(env={"http_proxy": where, "https_proxy": where, "all_proxy": where, "ALL_PROXY": where, "HTTPS_PROXY": where})
    assert m.start.returncode == 0, m.start.stderr
    assert (m.where / DETAILS).read_text() and proxy.heard == []
    proxy.stop()


# ---- a token that changes ----

def put_token(path, token):
    path.touch(0o600)
    path.write_text(token)


def test_a_token_that_was_rotated_is_read_again(mount, sandbox, tmp_path):
    file = tmp_path / "token"
    put_token(file, sandbox.token)
    m = mount("-o", f"token_file={file}", token="unused-" * 4)
    assert m.start.returncode == 0 and m.sh(f"ls {ISSUES}").returncode == 0
    put_token(file, "expired-token")
    os.kill(m.pid, signal.SIGHUP)
    wait_until(lambda: read_errno(m.where / DETAILS) == "EACCES", "the refusal")
    assert "a new token is taken from its file" in (m.where / ".sentryfs/errors").read_text().splitlines()[-1]
    newer = sandbox.make_token("event:read", "event:write", "org:read", "project:read", "member:read")
    put_token(file, newer)
    sandbox.forget()
    assert read_errno(m.where / DETAILS) is None
    used = [(r["status"], r["token"]) for r in sandbox.requests()]
    assert used[0] == (401, "expired-token"[-8:]) and used[-1] == (200, newer[-8:])
    assert all(newer not in text for text in ((m.where / ".sentryfs/errors").read_text(), str(m.status())))

    # a write that was refused was not done: it goes once more, and is done once
    put_token(file, "expired-token")
    os.kill(m.pid, signal.SIGHUP)
    wait_until(lambda: read_errno(m.where / DETAILS) == "EACCES", "the refusal")
    put_token(file, sandbox.token)
    sandbox.forget()
    (m.where / ISSUES / "WEB-1/isBookmarked").write_text("true")
    puts = [r["status"] for r in sandbox.requests() if r["method"] == "PUT"]
    assert puts in ([200], [401, 200])
    sandbox.forget()
    (m.where / ISSUES / "WEB-1/isBookmarked").write_text("false")


def test_me_is_whose_token_it_is_now(mount, sandbox, tmp_path):
    """The server refused the one of before, and the file had somebody else's."""
    file = tmp_path / "token"
    put_token(file, sandbox.token)
    m = mount("-o", f"token_file={file}", token="unused-" * 4)
    assert m.sh(f"ls {ISSUES}; echo me > {ISSUES}/WEB-3/assignedTo").returncode == 0
    assert sandbox.issue("WEB-3")["assignedTo"]["id"] == "1"
    put_token(file, "sntryu_" + "04" * 32)
    sandbox.faults({"path": "/issues/", "times": 1, "status": 401, "json": {"detail": "Token expired"}})
    assert read_errno(m.where / DETAILS) is None
    assert m.sh(f"echo me > {ISSUES}/WEB-3/assignedTo").returncode == 0
    assert sandbox.issue("WEB-3")["assignedTo"]["id"] == "2"


@pytest.mark.parametrize("where", ["WEB-3/assignedTo", ".bulk/assignedTo"])
def test_me_is_not_sent_for_the_user_of_before(mount, sandbox, tmp_path, where):
    """Where the write itself meets the refusal its body names the old token's user."""
    file = tmp_path / "token"
    put_token(file, sandbox.token)
    m = mount("-o", f"token_file={file}", token="unused-" * 4)
    value = "WEB-3 me" if where[0] == "." else "me"
    assert m.sh(f"ls {ISSUES}; echo none > {ISSUES}/WEB-3/assignedTo; echo me > {ISSUES}/WEB-2/assignedTo").returncode == 0
    put_token(file, "sntryu_" + "04" * 32)
    sandbox.faults({"method": "PUT", "times": 1, "status": 401, "json": {"detail": "Token expired"}})
    sandbox.forget()
    assert attempt(m.where / ISSUES / where, value)[1] == "EACCES"
    assert [(r["method"], r["status"]) for r in sandbox.requests() if r["method"] == "PUT"] == [("PUT", 401)]
    assert "write `me` once more" in m.sh(f"cat {ISSUES}/{where.split('/')[0]}/last-error").stdout
    assert sandbox.issue("WEB-3")["assignedTo"] is None
    assert m.sh(f"echo {value} > {ISSUES}/{where}").returncode == 0
    assert sandbox.issue("WEB-3")["assignedTo"]["id"] == "2"


def test_a_refused_token_is_asked_for_once_a_request(mount, sandbox, tmp_path):
    """Without another token in the file a 401 is one request and an error."""
    file = tmp_path / "token"
    put_token(file, sandbox.token)
    m = mount("-o", f"token_file={file}")
    m.sh(f"ls {ISSUES}")
    sandbox.faults({"status": 401, "json": {"detail": "Invalid token"}})
    sandbox.forget()
    assert read_errno(m.where / DETAILS) == "EACCES"
    assert len(sandbox.requests()) == 1
    file.chmod(0o644)
    assert read_errno(m.where / DETAILS) == "EACCES", "a file that others can read is not read"


def test_a_credential_of_systemd(mount, sandbox, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    put_token(credentials / "sentry-token", sandbox.token + "\n")
    (credentials / "sentry-token").chmod(0o440)
    m = mount(token="", env={"CREDENTIALS_DIRECTORY": str(credentials), "SENTRY_AUTH_TOKEN": ""})
    assert m.start.returncode == 0, m.start.stderr
    assert (m.where / DETAILS).read_text()


# ---- TLS ----

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def front(sandbox, authority):
    fronts = []

    def make(*names, ca=None, expired=False):
        certificate = authority.certificate(f"server{len(fronts)}", *names, expired=expired)
        fronts.append(Tls(sandbox.url, certificate, ca))
        return fronts[-1]

    yield make
    for f in fronts:
        f.stop()


class Server:
    """What a Mount needs to know of a server."""

    def __init__(self, url, token):
        self.url, self.token = url, token


def tls_mount(mount, sandbox, url, *options, **more):
    return mount(*options, server=Server(url, sandbox.token), **more)


def test_tls_with_an_authority_of_ones_own(mount, sandbox, front, authority):
    tls = front("IP:127.0.0.1", "DNS:localhost")
    m = tls_mount(mount, sandbox, f"https://127.0.0.1:{tls.port}", f"--cacert={authority.pem}")
    assert m.start.returncode == 0, m.start.stderr
    assert (m.where / DETAILS).read_text()
    (m.where / ISSUES / "WEB-2/isBookmarked").write_text("true")
    assert sandbox.requests()[-1]["method"] == "PUT"


@pytest.mark.parametrize("case", ["an unknown authority", "another name", "expired", "the system's instead", "no TLS at all"])
def test_what_is_not_trusted_is_refused(mount, sandbox, front, authority, tmp_path, case):
    tls = front("DNS:other.test" if case == "another name" else "IP:127.0.0.1", expired=case == "expired")
    options = [f"--cacert={authority.pem}"]
    port = tls.port
    if case == "an unknown authority":
        options = [f"--cacert={Authority(tmp_path / 'another').pem}"]
    elif case == "the system's instead":
        options = []
    elif case == "no TLS at all":
        port = Listener().port
    sandbox.forget()
    m = tls_mount(mount, sandbox, f"https://127.0.0.1:{port}", *options)
    assert m.start.returncode == 1 and len(m.start.stderr.strip().splitlines()) == 1
    assert "cannot trust https://127.0.0.1" in m.start.stderr and "cacert=FILE" in m.start.stderr
    assert sandbox.requests() == [] and sandbox.token not in m.start.stderr


def test_what_a_certificate_says_is_no_order_to_a_terminal(mount, sandbox, front, authority):
    tls = front("IP:127.0.0.1")
    m = tls_mount(mount, sandbox, f"https://127.0.0.1:{tls.port}", f"--cacert={authority.pem}")
    tls.stop()
    another = Tls(sandbox.url, authority.certificate("another", called="a\033[2Jb"), port=tls.port)
    try:
        assert read_errno(m.where / DETAILS) == "EPROTO"
        assert "subject name 'a [2Jb' does not match" in m.status()["online"]
    finally:
        another.stop()


def test_a_client_certificate(mount, sandbox, front, authority):
    tls = front("IP:127.0.0.1", ca=authority.pem)
    url = f"https://127.0.0.1:{tls.port}"
    client = authority.certificate("client", "DNS:client")
    trust = f"--cacert={authority.pem}"
    refused = tls_mount(mount, sandbox, url, trust, name="refused")
    assert refused.start.returncode == 1 and len(refused.start.stderr.strip().splitlines()) == 1
    both = tls_mount(mount, sandbox, url, trust, f"--cert={client}", name="both")
    assert both.start.returncode == 0, both.start.stderr
    assert (both.where / DETAILS).read_text()
    parted = tls_mount(mount, sandbox, url, trust, f"--cert={client.with_suffix('.crt')}",
                       f"--key={client.with_suffix('.key')}", name="parted")
    assert parted.start.returncode == 0, parted.start.stderr
    authority.openssl("ec", "-in", "client.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    locked = tls_mount(mount, sandbox, url, trust, f"--cert={client.with_suffix('.crt')}",
                       f"--key={client.with_name('locked.key')}", name="locked")
    assert locked.start.returncode == 1 and "pass" not in locked.start.stdout
    alone = tls_mount(mount, sandbox, url, trust, f"--key={client}", name="alone")
    assert alone.start.returncode == 2 and "key needs option cert" in alone.start.stderr


def test_a_proxy_sees_a_name_and_nothing_else(mount, sandbox, front, authority):
    tls = front("DNS:sentry.test")
    proxy = Proxy(tls.port)
    trust = f"--cacert={authority.pem}"
    through = {"https_proxy": f"http://127.0.0.1:{proxy.port}"}
    m = tls_mount(mount, sandbox, "https://sentry.test", trust, env=through)
    assert m.start.returncode == 0, m.start.stderr
    assert (m.where / DETAILS).read_text()
    heads = b"".join(proxy.heard)
    assert heads.startswith(b"CONNECT sentry.test:443 HTTP/1.1\r\n")
    assert b"uthorization" not in heads and sandbox.token.encode() not in heads
    assert all(h.startswith(b"CONNECT ") for h in proxy.heard)
    known = len(proxy.heard)
    direct = tls_mount(mount, sandbox, "https://sentry.test", trust, "--connect-timeout=1", "--timeout=2", name="direct",
                       env={**through, "no_proxy": "sentry.test"})
    assert direct.start.returncode == 1 and "cannot reach https://sentry.test" in direct.start.stderr
    assert len(proxy.heard) == known
    proxy.stop()
