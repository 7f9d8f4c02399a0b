#!/usr/bin/env python3
"""Compares a relay core with the reference model on random traces.

    compare.py PROGRAM [--seed N] [--count M] [--keep DIR] [--trace FILE…]

PROGRAM is called as `PROGRAM feed TRACE` (wavry-sim); what it prints is compared by the rules of
run_traces.py. A trace on which the two differ is shrunk by leaving lines out while the difference
stays, written to DIR, and reported with its seed. Exit code: 0 no difference, 1 some, 2 bad usage.
"""
import argparse
import collections
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import make_traces
import relay_model
import run_traces

FEED_TIMEOUT_S = 20
DIFFERENCES_SHOWN = 4


def written(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def fed(program, arguments, lines):
    """What the program prints for a trace."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write(written(lines))
        file.flush()
        try:
            done = subprocess.run([program, "feed", *arguments, file.name], capture_output=True,
                                  check=False, timeout=FEED_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"no end after {FEED_TIMEOUT_S} s"
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()}"
    return done.stdout.decode("utf-8", "replace")


def differences(program, arguments, lines, expected=None):
    """Lines of text, empty when both agree."""
    expected = expected or relay_model.run(lines)
    return run_traces.compare(written(expected), fed(program, arguments, lines))


def without(lines, first, last):
    """The trace without lines [first, last), the cookies' line numbers moved along."""
    def renumbered(match):
        number = int(match.group(1)) - 1
        if first <= number < last:
            return "00" * 16
        return f"<cookie {number + 1 - (last - first if number >= last else 0)}>"

    kept = lines[:first] + lines[last:]
    return [{**line, "hex": re.sub(r"<cookie (\d+)>", renumbered, line["hex"])} if "hex" in line
            else line for line in kept]


def shrunk(lines, still_differs):
    """A smaller trace on which the difference stays."""
    size = max(1, len(lines) // 2)
    while size:
        position, removed = 1, False
        while position < len(lines):
            shorter = without(lines, position, min(position + size, len(lines)))
            if still_differs(shorter):
                lines, removed = shorter, True
            else:
                position += size
        size = size if removed and size == 1 else size // 2
    return lines


def check(job):
    """The differences of one seed and the trace that shows them."""
    program, arguments, seed, shrink = job
    lines, expected = make_traces.make(seed)
    found = differences(program, arguments, lines, expected)
    if found and shrink:
        kind = found[0].split(" number")[0]
        lines = shrunk(lines, lambda shorter: any(
            text.startswith(kind) for text in differences(program, arguments, shorter)[:1]))
        found = differences(program, arguments, lines)
    return seed, found, lines if found else None, outcomes_of(expected)


def outcomes_of(expected):
    totals = expected[-1]
    counts = collections.Counter(totals["outcomes"])
    counts.update({"verdict " + name: count for name, count in totals["verdicts"].items()})
    counts.update("event " + " ".join([record["event"], str(record.get("rule", "")),
                                       record.get("why", "")]).strip()
                  for record in expected if "event" in record)
    return counts


def report(seed, found, lines, keep):
    path = os.path.join(keep, f"seed-{seed}.jsonl")
    os.makedirs(keep, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(written(lines))
    print(f"DIFFERENCE seed {seed}: {path} ({len(lines)} lines)")
    for text in found[:DIFFERENCES_SHOWN]:
        print(f"  {text}")
    for text in run_traces.cause_of(found, [json.dumps(line) for line in lines]):
        print(f"  {text}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("program", help="path of wavry-sim")
    options.add_argument("--feed-argument", action="append", default=[],
                         help="given to PROGRAM feed before the trace; may be repeated")
    options.add_argument("--seed", type=int, default=1, help="of the first trace")
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--keep", default="build/model-differences",
                         help="folder for what differs (%(default)s)")
    options.add_argument("--most", type=int, default=10, help="stop after this many differences")
    options.add_argument("--no-shrink", action="store_true")
    options.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options.add_argument("--counts", action="store_true", help="show what the traces reached")
    options.add_argument("--trace", nargs="+", action="extend", default=[], metavar="FILE",
                         help="compare on these files instead")
    given = options.parse_args()
    program = os.path.abspath(given.program)
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        options.error(f"{given.program} is not a program")

    failed = 0
    for path in given.trace:
        with open(path, encoding="utf-8") as file:
            found = differences(program, given.feed_argument, [json.loads(line) for line in file])
        failed += bool(found)
        print("\n  ".join([f"{'DIFFERENCE' if found else 'agreed'} {path}"] + found))
    if given.trace:
        return 1 if failed else 0

    reached, compared = collections.Counter(), 0
    jobs = ((program, given.feed_argument, seed, not given.no_shrink)
            for seed in range(given.seed, given.seed + given.count))
    with multiprocessing.Pool(given.jobs) as pool:
        for seed, found, lines, counts in pool.imap(check, jobs):
            compared += 1
            reached.update(counts)
            if found:
                failed += 1
                report(seed, found, lines, given.keep)
                if failed == given.most:
                    break
    if given.counts:
        for name, count in sorted(reached.items()):
            print(f"  {count:8} {name}")
    print(f"{compared} traces compared, {failed} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
