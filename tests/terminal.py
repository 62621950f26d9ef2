# SPDX-License-Identifier: MIT
"""A program on a terminal of its own: what it shows is waited for, never slept for."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, argv, env, cwd=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 250, 0, 0))
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env={"TERM": "xterm", **env},
                                        cwd=cwd, start_new_session=True)
        os.close(slave)
        self.screen = ""

    def read(self, seconds):
        """More of what it shows; False at its end."""
        if not select.select([self.master], [], [], max(0, seconds))[0]:
            raise TimeoutError(f"{self.process.args}: it shows {self.screen[-3000:]!r}")
        try:
            more = os.read(self.master, 65536)
        except OSError:         # EIO: the other side is closed
            return False
        self.screen += re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]|\x1b[=>78]", "", more.decode("utf-8", "replace"))
        return bool(more)

    def expect(self, pattern, seconds=20):
        """Waits until the pattern has been shown since the last expect; gives the match."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.screen)
            if match:
                self.screen = self.screen[match.end():]
                return match
            assert self.read(end - time.monotonic()), f"it ended; it showed {self.screen[-3000:]!r}"

    def send(self, text):
        os.write(self.master, text.encode())

    def end(self, seconds=20):
        """Reads to its end: (exit status, the rest of what it showed)."""
        end = time.monotonic() + seconds
        try:
            while self.read(end - time.monotonic()):
                pass
            return self.process.wait(max(0.1, end - time.monotonic())), self.screen
        finally:
            self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
