#!/usr/bin/env python3
"""matrix_report.py FOLDER BUILD…: compares the hashes of several builds (ci/matrix).

FOLDER holds BUILD.out (what `wavry-sim run --hash` printed) and BUILD.end (exit code and seconds).
Exit code: 0 all equal, 2 no hash was printed, 4 some differ.
"""
import os
import re
import sys

HASH = re.compile(r"^hash (?P<name>\S+) seed \d+ events (?P<events>\d+) (?P<hash>[0-9a-f]{16})$")
CHECKPOINT = re.compile(r"^checkpoint (?P<name>\S+) (?P<at>\S+) events (?P<events>\d+) "
                        r"(?P<hash>[0-9a-f]{16})$")
SHOWN = 5


class Run:
    """What one build printed of one scenario."""

    def __init__(self, events, value):
        self.events = events
        self.hash = value
        self.checkpoints = []


def runs_of(path):
    """Scenario → Run."""
    runs = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = HASH.match(line.rstrip("\n"))
            if found:
                runs[found["name"]] = Run(found["events"], found["hash"])
                continue
            found = CHECKPOINT.match(line.rstrip("\n"))
            if found and found["name"] in runs:
                runs[found["name"]].checkpoints.append((found["at"], found["events"], found["hash"]))
    return runs


def difference(first, other):
    """Where two runs of a scenario part, in words; empty where they do not."""
    if first is None or other is None:
        return "ran in one build only"
    if (first.hash, first.events) == (other.hash, other.events):
        return ""
    for (at, events, one), (_, _, two) in zip(first.checkpoints, other.checkpoints):
        if one != two:
            return f"{first.hash} and {other.hash}, from before {at} on (event {events})"
    return f"{first.hash} and {other.hash}, after the last checkpoint"


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    folder, builds = sys.argv[1], sys.argv[2:]
    runs = {build: runs_of(os.path.join(folder, build + ".out")) for build in builds}
    first = runs[builds[0]]
    if not first:
        print(f"{builds[0]} printed no hash", file=sys.stderr)
        return 2
    differing = 0
    print(f"{'build':<12}  {'scenarios':>9}  {'equal':>5}  {'differ':>6}  {'seconds':>7}  exit")
    for build in builds:
        with open(os.path.join(folder, build + ".end"), encoding="utf-8") as file:
            status, seconds = file.read().split()
        names = sorted(first.keys() | runs[build].keys())
        parted = [(name, difference(first.get(name), runs[build].get(name))) for name in names]
        parted = [(name, words) for name, words in parted if words]
        differing += len(parted)
        print(f"{build:<12}  {len(runs[build]):>9}  {len(names) - len(parted):>5}  "
              f"{len(parted):>6}  {seconds:>7}  {status}")
        for name, words in parted[:SHOWN]:
            print(f"    {name}: {words}")
        if len(parted) > SHOWN:
            print(f"    … and {len(parted) - SHOWN} more")
    print("all hashes are equal" if differing == 0 else "NOT DETERMINISTIC")
    return 4 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
