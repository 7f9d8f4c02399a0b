#!/usr/bin/env python3
"""The reference model in the test suite: test_model.py WAVRY_SIM FAULTY_FEED [--all-faults].

The model must agree with every golden trace, the core with the model on a fixed set of random
traces, and a broken core must be told from a sound one by them.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

import compare
import make_traces
import relay_model
import run_traces

SEEDS = range(1, 41)
FAULTS = ("jump_at_once", "expire_late", "candidate_takes_over")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def golden_differences():
    """Golden traces that the model does not agree with."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "..", "data", "traces*", "*.jsonl"))):
        if path.endswith(".expected.jsonl"):
            continue
        lines = [json.loads(line) for line in read(path).splitlines()]
        came = compare.written(relay_model.run(lines))
        expected = read(path[:-len(".jsonl")] + ".expected.jsonl")
        found += [f"{os.path.basename(path)}: {text}"
                  for text in run_traces.compare(expected, came)[:3]]
    return found


def first_difference(program, arguments, traces, pool):
    """(seed, text) of the first difference, or None."""
    def one(trace):
        seed, lines, expected = trace
        found = compare.differences(program, arguments, lines, expected)
        return (seed, found[0]) if found else None
    return next(filter(None, pool.map(one, traces)), None)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("program", help="wavry-sim")
    options.add_argument("faulty", help="model_faulty_feed")
    options.add_argument("--all-faults", action="store_true", help="each fault, on more traces")
    options.add_argument("--count", type=int, default=400, help="traces for --all-faults")
    given = options.parse_args()

    failures = golden_differences()
    traces = [(seed, *make_traces.make(seed)) for seed in SEEDS]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        difference = first_difference(given.program, [], traces, pool)
        if difference:
            failures.append(f"seed {difference[0]}: the core differs from the model: {difference[1]}"
                            " (compare.py shrinks it)")
        faults = FAULTS
        if given.all_faults:
            named = subprocess.run([given.faulty, "list"], capture_output=True, check=True, text=True)
            faults = named.stdout.split()
            traces += [(seed, *make_traces.make(seed)) for seed in range(1001, 1001 + given.count)]
        for fault in faults:
            caught = next(filter(None, (
                first_difference(given.faulty, [fault], traces[first:first + 20], pool)
                for first in range(0, len(traces), 20))), None)
            if given.all_faults:
                print(f"{fault}: {'caught by seed ' + str(caught[0]) if caught else 'NOT CAUGHT'}",
                      flush=True)
            if not caught:
                failures.append(f"a core with the fault {fault} was not told from a sound one")
    for text in failures:
        print(f"FAILED {text}")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
