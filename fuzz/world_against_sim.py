#!/usr/bin/env python3
"""Plays what the inputs of the target `world` say with wavry-sim: the scenario that an input is
explained as must be the run that the target judged.

    world_against_sim.py REPLAY_WORLD WAVRY_SIM FOLDER

Exit code: 0 every hash is the same, 1 some differ.
"""
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 300


def main(replay, program, folder):
    differing = 0
    names = sorted(os.listdir(folder))
    with tempfile.TemporaryDirectory() as scenarios:
        for name in names:
            path = os.path.join(scenarios, name + ".json")
            told = subprocess.run([replay, "--explain", os.path.join(folder, name)],
                                  env={**os.environ, "WAVRY_FUZZ_SCENARIO": path}, check=True,
                                  capture_output=True, text=True, timeout=TIMEOUT_S).stdout
            played = subprocess.run([program, "run", "--hash", path], check=False,
                                    capture_output=True, text=True, timeout=TIMEOUT_S).stdout
            expected = re.search(r"^hash ([0-9a-f]{16})$", told, re.MULTILINE).group(1)
            found = re.search(r"^hash .* ([0-9a-f]{16})$", played, re.MULTILINE)
            if found is None or found.group(1) != expected:
                differing += 1
                print(f"{name}: judged {expected}, played {played.strip()[:200]}")
    print(f"{len(names)} scenarios, {differing} differ")
    return 0 if names and differing == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
