#!/usr/bin/env python3
"""matrix_report.py FOLDER BUILD…: compares the hashes of several builds (ci/matrix).

FOLDER holds BUILD.out (what `wavry-sim run --hash` printed) and BUILD.end (exit code and seconds).
Exit code: 0 all equal, 2 no hash was printed, 4 some differ.
"""
import os
import re
import sys

HASH_LINE = re.compile(r"^(?P<hash>[0-9a-f]{16,64})\s+(?P<name>\S.*)$")


def hashes_of(path):
    """Scenario → hash."""
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = HASH_LINE.match(line.rstrip("\n"))
            if match:
                found[match["name"]] = match["hash"]
    return found


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    folder, builds = sys.argv[1], sys.argv[2:]
    hashes = {build: hashes_of(os.path.join(folder, build + ".out")) for build in builds}
    first = hashes[builds[0]]
    if not first:
        print(f"{builds[0]} printed no hash", file=sys.stderr)
        return 2
    differing = 0
    print(f"{'build':<12}  {'scenarios':>9}  {'equal':>5}  {'differ':>6}  {'seconds':>7}  exit")
    for build in builds:
        with open(os.path.join(folder, build + ".end"), encoding="utf-8") as file:
            status, seconds = file.read().split()
        names = sorted(first.keys() | hashes[build].keys())
        unequal = [name for name in names if first.get(name) != hashes[build].get(name)]
        differing += len(unequal)
        print(f"{build:<12}  {len(hashes[build]):>9}  {len(names) - len(unequal):>5}  "
              f"{len(unequal):>6}  {seconds:>7}  {status}")
        for name in unequal[:5]:
            print(f"    {name}: {first.get(name, 'missing')} in {builds[0]}, "
                  f"{hashes[build].get(name, 'missing')} here")
        if len(unequal) > 5:
            print(f"    … and {len(unequal) - 5} more")
    print("all hashes are equal" if differing == 0 else "NOT DETERMINISTIC")
    return 4 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
