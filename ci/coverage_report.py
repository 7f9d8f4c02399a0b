#!/usr/bin/env python3
"""coverage_report.py INFO ROOT LINES_MIN BRANCHES_MIN: a table from lcov's records.

Prints every file of core/ and the sums of the rooms. Exit code 1 if core/ stays under a bound.
"""
import sys


def read(path, root):
    """File → [lines hit, lines, branches hit, branches], file names relative to the checkout."""
    files = {}
    current = None
    with open(path, encoding="utf-8") as info:
        for record in info:
            key, _, value = record.strip().partition(":")
            if key == "SF":
                name = value[len(root) + 1:] if value.startswith(root + "/") else value
                current = files.setdefault(name, [0, 0, 0, 0])
            elif key == "DA" and current is not None:
                current[0] += int(value.split(",")[1]) > 0
                current[1] += 1
            elif key == "BRDA" and current is not None:
                current[2] += value.split(",")[3] not in ("-", "0")
                current[3] += 1
    return files


def share(hit, all_of_it):
    return 100.0 * hit / all_of_it if all_of_it else 100.0


def row(name, counts):
    lines, branches = share(counts[0], counts[1]), share(counts[2], counts[3])
    return (f"{name:<34} {lines:6.1f} % of {counts[1]:5} lines"
            f" {branches:6.1f} % of {counts[3]:5} branches")


def main():
    if len(sys.argv) != 5:
        print(__doc__)
        return 2
    files = read(sys.argv[1], sys.argv[2])
    lines_min, branches_min = float(sys.argv[3]), float(sys.argv[4])
    rooms = {}
    for name, counts in sorted(files.items()):
        room = rooms.setdefault(name.split("/")[0], [0, 0, 0, 0])
        for index, count in enumerate(counts):
            room[index] += count
        if name.startswith("core/"):
            low = share(*counts[:2]) < lines_min or share(*counts[2:]) < branches_min
            print(row(name, counts) + ("   <" if low else ""))
    for room, counts in rooms.items():
        print(row(room + "/", counts))
    core = rooms.get("core", [0, 0, 0, 0])
    if core[1] == 0:
        print("no line of core/ was measured")
        return 1
    if share(*core[:2]) < lines_min or share(*core[2:]) < branches_min:
        print(f"core/ must reach {lines_min:g} % of lines and {branches_min:g} % of branches")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
