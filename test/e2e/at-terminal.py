"""Runs a command at a terminal of its own and types what a person would.

Reads {argv, env, cwd, steps} from standard input, so that what is typed stands in no list of processes. Each step waits
for a text on the screen, looks at the terminal and the process, and then types, sends a signal, or hangs up. Writes
{code, screen, looks, echoes}: whether the terminal shows what is typed, at each step and after the end.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import time

PATIENCE_SECONDS = 50

task = json.load(sys.stdin)
master, slave = os.openpty()
deadline = time.monotonic() + PATIENCE_SECONDS


def own_the_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


child = subprocess.Popen(
    task["argv"],
    env=task["env"],
    cwd=task["cwd"],
    stdin=slave,
    stdout=slave,
    stderr=slave,
    start_new_session=True,
    preexec_fn=own_the_terminal,
)
screen = ""


def read_more(seconds):
    global screen
    ready, _, _ = select.select([master], [], [], seconds)
    if ready:
        screen += os.read(master, 65536).decode()
    return bool(ready)


def process_facts(name):
    with open(f"/proc/{child.pid}/{name}", "rb") as facts:
        return facts.read().decode().replace("\0", " ")


looks = []
try:
    seen = 0
    for step in task["steps"]:
        while step["until"] not in screen[seen:]:
            if time.monotonic() > deadline or child.poll() is not None:
                raise SystemExit(f"{step['until']!r} was not shown:\n{screen}")
            read_more(0.1)
        seen = screen.index(step["until"], seen) + len(step["until"])
        looks.append({"echoes": echoes(), "argv": process_facts("cmdline"), "env": process_facts("environ")})
        if "type" in step:
            os.write(master, step["type"].encode())
        elif "signal" in step:
            child.send_signal(signal.Signals[step["signal"]])
        else:
            os.close(master)
            master = None
    code = child.wait(timeout=max(1, deadline - time.monotonic()))
    while master is not None and read_more(0):
        pass
    print(json.dumps({"code": code, "screen": screen, "looks": looks, "echoes": master is None or echoes()}))
finally:
    child.kill()
    child.wait()
