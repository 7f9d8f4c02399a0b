#!/usr/bin/env python3
"""Compares the core with the reference model on what the inputs of the target `relay` say.

    relay_against_model.py REPLAY_RELAY WAVRY_SIM FOLDER [--at-least N]

REPLAY_RELAY writes each input of FOLDER as a trace; those that a trace can say are fed to WAVRY_SIM
and to the model of tests/model. Exit code: 0 no difference, 1 some, or fewer than N traces.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "model"))

import compare

REPLAY_TIMEOUT_S = 120
DIFFERENCES_SHOWN = 4


def trace_of(replay, path, folder):
    """The lines of the trace, None where one cannot say it all."""
    name = os.path.join(folder, os.path.basename(path) + ".jsonl")
    environment = {**os.environ, "WAVRY_FUZZ_TRACE": name}
    done = subprocess.run([replay, "--explain", path], env=environment, capture_output=True,
                          check=True, timeout=REPLAY_TIMEOUT_S)
    if b"a trace cannot say it all" in done.stdout:
        return None
    with open(name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("replay")
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--at-least", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    compared = differing = 0

    def judge(name):
        path = os.path.join(arguments.folder, name)
        lines = trace_of(arguments.replay, path, folder)
        return None if lines is None else compare.differences(arguments.program, [], lines)

    names = sorted(os.listdir(arguments.folder))
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, differences in zip(names, pool.map(judge, names)):
            compared += differences is not None
            differing += bool(differences)
            for difference in (differences or [])[:DIFFERENCES_SHOWN]:
                print(f"{name}: {difference}")
    print(f"{compared} of {len(names)} inputs compared with the model, {differing} differ")
    sys.exit(0 if differing == 0 and compared >= arguments.at_least else 1)


if __name__ == "__main__":
    main()
