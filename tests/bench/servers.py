# SPDX-License-Identifier: MIT
"""What the sides ask: the sandbox, nginx with TLS, HTTP/2 and gzip before it, nginx with the same files, mounts.

All on loopback, each with a directory of its own, each ended by the process that was started here.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import time

from sandbox import client

ECHO = "/usr/lib/nginx/modules/ngx_http_echo_module.so"


def wait_until(holds, what, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise OSError(f"waited in vain for {what}")
        select.select([], [], [], 0.01)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def end(process, seconds=10):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Nginx:
    """An nginx in a directory of its own. `server` is the text of its server block, with PORT where its port goes."""

    def __init__(self, folder, server, modules=()):
        os.makedirs(os.path.join(folder, "tmp"))
        self.log, self.port = os.path.join(folder, "access.log"), free_port()
        user = "user root;" if os.getuid() == 0 else ""
        paths = "".join(f"{kind}_temp_path {folder}/tmp/{kind};\n" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as f:
            f.write("".join(f"load_module {m};\n" for m in modules) + f"""daemon off; {user} worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
default_type application/json; access_log {self.log}; keepalive_requests 100000; keepalive_timeout 600;
{paths}{server.replace("PORT", str(self.port))}
}}
""")
        argv = ["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port) or self.process.poll() is not None, "nginx")
        if self.process.poll() is not None:
            with open(f"{folder}/error.log", encoding="utf-8") as f:
                raise OSError("nginx did not start: " + f.read()[-300:])

    def stop(self):
        end(self.process)


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    return cert, key


class Server:
    """A sandbox, and where it is asked: itself, or an nginx before it."""

    def __init__(self, folder, options, tls=None):
        os.makedirs(folder)
        self.sandbox = client.Sandbox(*options)
        self.token, self.url, self.proxy = self.sandbox.token, self.sandbox.url, None
        self.cert = tls[0] if tls else None
        self.defaults = self.sandbox.options()
        if tls:
            port = self.sandbox.url.rsplit(":", 1)[1]
            self.proxy = Nginx(folder, f"""
upstream sandbox {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000; }}
server {{
listen 127.0.0.1:PORT ssl http2; ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};
gzip on; gzip_types application/json; gzip_min_length 200;
location / {{ proxy_pass http://sandbox; proxy_http_version 1.1; proxy_set_header Connection "";
proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https;
 proxy_buffers 64 32k; proxy_busy_buffers_size 256k; }}
}}""")
            self.url = f"https://localhost:{self.proxy.port}"

    def set(self, **options):
        """Everything as at the start, but for these."""
        self.sandbox.options(**(self.defaults | options))

    def counted(self):
        """(requests, refused ones) since the last forget()."""
        log = self.sandbox.requests()
        return len(log), sum(1 for r in log if r["status"] == 429)

    def stop(self):
        if self.proxy:
            self.proxy.stop()
        self.sandbox.stop()


class Files:
    """A directory served plainly by nginx, each answer later by so many ms."""

    def __init__(self, folder, root, delay_ms):
        os.makedirs(folder)
        wait = ""
        if delay_ms:
            wait = f"location / {{ echo_sleep {delay_ms / 1000}; echo_exec @files; }} location @files {{ }}"
        self.nginx = Nginx(folder, f"server {{ listen 127.0.0.1:PORT; root {root}; autoindex on; {wait} }}", [ECHO])
        self.url, self.seen = f"http://127.0.0.1:{self.nginx.port}/", 0

    def lines(self):
        with open(self.nginx.log, encoding="utf-8") as f:
            return sum(1 for _ in f)

    def forget(self):
        self.seen = self.lines()

    def counted(self):
        return self.lines() - self.seen, 0

    def stop(self):
        self.nginx.stop()


def is_mounted(where):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return any(line.split()[4] == where for line in f)


def unmount(where):
    if is_mounted(where):
        subprocess.run(["fusermount3", "-u", where], check=False, capture_output=True)
    if is_mounted(where):
        subprocess.run(["fusermount3", "-uz", where], check=False, capture_output=True)


class Mount:
    """The program on a server, with a home and a cache directory of its own."""

    def __init__(self, program, server, home, *options):
        self.where = os.path.join(home, "mnt")
        os.makedirs(self.where, exist_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": home, "XDG_CACHE_HOME": os.path.join(home, "cache"),
               "LANG": "C.UTF-8", "SENTRY_AUTH_TOKEN": server.token}
        cert = [f"--cacert={server.cert}"] if server.cert else []
        done = subprocess.run([program, f"--url={server.url}", *cert, *options, self.where], env=env, text=True,
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=60, check=False)
        if done.returncode:
            raise OSError(f"the mount failed: {done.stderr.strip()}")
        with open(os.path.join(self.where, ".sentryfs/status"), encoding="utf-8") as f:
            status = dict(line.rstrip("\n").split("\t", 1) for line in f)
        self.pid = int(status["pid"])
        self.pidfd = os.pidfd_open(self.pid)
        self.issues = os.path.join(self.where, "acme/projects/web/issues")

    def stop(self):
        unmount(self.where)
        if not select.select([self.pidfd], [], [], 10)[0]:
            os.kill(self.pid, signal.SIGTERM)
            select.select([self.pidfd], [], [], 10)
        os.close(self.pidfd)


class Helper:
    """A filesystem that stays in the foreground: rclone or hello."""

    def __init__(self, argv, where, env=None):
        os.makedirs(where, exist_ok=True)
        self.where = where
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=env)
        wait_until(lambda: is_mounted(where) or self.process.poll() is not None, argv[0])
        if self.process.poll() is not None:
            raise OSError(f"{argv[0]} did not start")

    def stop(self):
        unmount(self.where)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            end(self.process)


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
