#!/usr/bin/env python3
"""bench_report.py FILE: medians of the FIGURE lines that benchmark programs print (ci/bench).

Exit code: 0 every bound kept, 1 one is not, 2 a line that cannot be read.
"""
import statistics
import sys


def kept(value, bound):
    """True or False, None where there is no bound."""
    if bound == "-":
        return None
    sign, limit = bound.split()
    return {"<=": value <= float(limit), ">=": value >= float(limit)}[sign]


def number(value):
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if abs(value) < 10 else f"{value:,.1f}"


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    figures = {}
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            if not line.startswith("FIGURE\t"):
                continue
            try:
                _, name, value, unit, bound = line.rstrip("\n").split("\t")
                kept(float(value), bound)
                figures.setdefault((name, unit, bound), []).append(float(value))
            except (ValueError, KeyError):
                print(f"cannot read this figure: {line.rstrip()}", file=sys.stderr)
                return 2
    if not figures:
        print("no figure was printed", file=sys.stderr)
        return 2
    rows, missed = [("figure", "median", "spread", "unit", "bound", "")], 0
    for (name, unit, bound), values in figures.items():
        median = statistics.median(values)
        verdict = {True: "kept", False: "MISSED", None: ""}[kept(median, bound)]
        missed += verdict == "MISSED"
        spread = f"{number(min(values))} – {number(max(values))}" if len(values) > 1 else ""
        shown = bound if bound == "-" else f"{bound.split()[0]} {number(float(bound.split()[1]))}"
        rows.append((name, number(median), spread, unit, shown, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join((row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].ljust(widths[2]),
                         row[3].ljust(widths[3]), row[4].ljust(widths[4]), row[5])).rstrip())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
