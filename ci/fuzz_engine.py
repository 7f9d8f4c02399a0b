"""What the scripts behind ci/fuzz share: programs that run and what they cost, and targets."""
import ctypes
import fcntl
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

running = set()
stopping = threading.Event()
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.01  # the kernel tells processor time in such steps


class Failed(Exception):
    """What it says is for whoever runs the campaign."""


class Stopped(Failed):
    """Nobody knows what the program would have said."""

    def __str__(self):
        return "stopped"


def started(command, **how):
    """Starts it in a process group of its own, to be stopped with its children. It is killed where
    this script dies, which Linux does when the thread that started it ends: that one waits for it."""
    parent = os.getpid()

    def tied():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that call
            os._exit(1)

    process = subprocess.Popen(command, stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=tied, **how)
    running.add(process.pid)
    if stopping.is_set():  # since before it was in the list
        end(process.pid, signal.SIGTERM)
    return process


def end(number, how):
    try:
        os.killpg(number, how)
    except ProcessLookupError:
        pass


def output_of(command, timeout=None, **environment):
    """(exit code, all it wrote)."""
    if stopping.is_set():
        raise Stopped
    process = started(command, stdout=subprocess.PIPE, text=True, errors="replace",
                      env={**os.environ, **environment})
    try:
        text, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        end(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
    running.discard(process.pid)
    if stopping.is_set():
        raise Stopped
    return process.returncode, text


def spent_by(command, log, most, **environment):
    """Runs it with its output in the file `log`, until it ends or has had `most` seconds of processor
    time: then it is told so by SIGUSR1, at which libFuzzer ends after the input under way. The seconds
    of processor time it and its children took."""
    with open(log, "wb") as file:
        process = started(command, stdout=file, env={**os.environ, **environment})
    watch = select.poll()
    ending = os.pidfd_open(process.pid)
    watch.register(ending, select.POLLIN)
    left, told = most, False
    # It cannot take more processor time than goes by. As long as nobody has reaped it, its number
    # is not another's.
    while not watch.poll(None if told else 1000 * max(left, LOOK_SECONDS)):
        left = most - taken_by(process.pid)
        if left <= 0 and catches(process.pid, signal.SIGUSR1):
            os.kill(process.pid, signal.SIGUSR1)
            told = True
    os.close(ending)
    running.discard(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def taken_by(number):
    """Seconds of processor time of a process and of its children that have ended."""
    with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def catches(number, what):
    """Before it does, a signal would kill it."""
    with open(f"/proc/{number}/status", encoding="utf-8", errors="replace") as file:
        caught = re.search(r"^SigCgt:\s+([0-9a-f]+)$", file.read(), re.MULTILINE)
    return int(caught.group(1), 16) >> (what - 1) & 1 == 1


def stop_all(*_):
    stopping.set()
    for number in list(running):
        end(number, signal.SIGTERM)


def hold(build):
    """Two campaigns in one build folder would judge and merge each other's files. Returns the lock,
    held as long as it is open, or None where another one has it, and who."""
    os.makedirs(os.path.join(build, "work"), exist_ok=True)
    lock = open(os.path.join(build, "work", "lock"), "a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        with lock:
            return None, lock.read().strip()
    lock.truncate(0)
    lock.write(f"process {os.getpid()}: {' '.join(sys.argv[1:])}\n")
    lock.flush()
    return lock, None


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


class Target:
    """The programs of a target and where its things are: its seeds in the repository, what
    campaigns keep in the build folder."""

    def __init__(self, build, name, corpus):
        self.name = name
        self.build = build
        self.replay = os.path.join(build, "bin", "replay_" + name)
        self.engine = os.path.join(build, "bin", "fuzz_" + name)
        self.simulator = os.path.join(build, "bin", "wavry-sim")
        self.work = os.path.join(build, "work", name)
        self.seeds = os.path.join(corpus, name)
        self.about = json.loads(subprocess.check_output([self.replay, "--about"]))
        for folder in ("artifacts", "corpus", "findings", "told"):
            os.makedirs(os.path.join(self.work, folder), exist_ok=True)

    def options(self):
        path = os.path.join(ROOT, "fuzz", "dict", self.name + ".dict")
        with open(path, encoding="utf-8") as file:
            words = any('="' in line for line in file)
        return ["-max_len=%d" % self.about["bytes_max"], "-timeout=60", "-report_slow_units=60",
                "-rss_limit_mb=2048", *(["-dict=" + path] if words else [])]


class Totals:
    """Executions and processor time over all campaigns with the same engine: they begin anew when
    the program's bytes change, because then another program was fuzzed."""

    def __init__(self, target):
        self.path = os.path.join(target.work, "totals.json")
        self.counts = {"engine": digest_of(target.engine), "commit": commit(), "campaigns": 0,
                       "executions": 0, "cpu_seconds": 0.0}
        try:
            with open(self.path, encoding="utf-8") as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return
        if isinstance(kept, dict) and kept.keys() == self.counts.keys() and \
                kept["engine"] == self.counts["engine"]:
            self.counts = kept

    def add(self, executions, cpu_seconds, begins):
        """A turn of the engine; the first of a campaign begins it, as far as this program goes."""
        self.counts["campaigns"] += begins or self.counts["campaigns"] == 0
        self.counts["executions"] += executions
        self.counts["cpu_seconds"] += cpu_seconds
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.counts, file, indent=1)
        os.replace(self.path + ".new", self.path)
        return self.counts


def commit():
    """For people: since which commit the totals count."""
    try:
        done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], check=False,
                              capture_output=True, text=True)
    except FileNotFoundError:  # a machine without git: people may have the sources all the same
        return "unknown"
    return done.stdout.strip() or "unknown"
