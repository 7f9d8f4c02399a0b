#!/usr/bin/env python3
"""Runs `wavry-sim feed` on golden traces and compares what comes out (docs/traces.md).

Order matters within each kind of line (outcomes, verdicts, sends, events), not between kinds. The
16 bytes of a path cookie at the end of an answer are not compared, and counts of zero may be left
out. Exit code: 0 all traces agree, 1 some do not, 2 bad usage.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys

KINDS = ("outcome", "verdict", "send", "event")
COOKIE_HEX_DIGITS = 32
ANSWER_TYPES = ("02", "03")  # LEASE_ACK, LEASE_REJECT
FEED_TIMEOUT_S = 120
DIFFERENCES_SHOWN = 3


class BadOutput(Exception):
    """The output is not of the form that docs/traces.md gives it."""


def without_cookie(text):
    """The hex of a datagram, with the cookie that flag bit 0 of an answer announces blanked."""
    is_answer = text[:4] == "5701" and text[4:6] in ANSWER_TYPES
    if is_answer and len(text) > 40 + COOKIE_HEX_DIGITS and int(text[6:8], 16) & 1:
        return text[:-COOKIE_HEX_DIGITS] + "<cookie>"
    return text


def without_zeros(value):
    """The same counts without those that are zero, at every depth."""
    if not isinstance(value, dict):
        return value
    kept = {name: without_zeros(count) for name, count in value.items()}
    return {name: count for name, count in kept.items() if count not in (0, {})}


def unique_members(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def parse(text):
    """Output lines sorted by kind: a list for each kind, and the final counts."""
    kinds = {kind: [] for kind in KINDS}
    totals = None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line, object_pairs_hook=unique_members)
        except ValueError as error:
            raise BadOutput(f"output line {number} is not JSON ({error}): {shorten(line)}") from error
        if not isinstance(record, dict):
            raise BadOutput(f"output line {number} is not an object: {shorten(line)}")
        if totals is not None:
            raise BadOutput(f"output line {number} comes after the counters: {shorten(line)}")
        found = [kind for kind in KINDS if kind in record]
        if "counters" in record and not found:
            totals = without_zeros(record)
        elif len(found) == 1:
            if "send" in record:
                if not isinstance(record.get("hex"), str):
                    raise BadOutput(f"output line {number}: a send without hex: {shorten(line)}")
                record["hex"] = without_cookie(record["hex"])
            kinds[found[0]].append(record)
        else:
            raise BadOutput(f"output line {number} is of no known kind: {shorten(line)}")
    if totals is None:
        raise BadOutput("the last line, with the counters, is missing")
    return kinds, totals


def shorten(text, limit=220):
    return text if len(text) <= limit else f"{text[:limit - 40]} … {text[-30:]}"


def show(record):
    return "nothing more" if record is None else shorten(json.dumps(record))


def first_difference_of_bytes(expected, actual):
    """Where two sends part, when all but their bytes agree."""
    if not (expected and actual and "hex" in expected and "hex" in actual):
        return ""
    if expected["hex"] == actual["hex"]:
        return ""
    common = len(os.path.commonprefix([expected["hex"], actual["hex"]])) // 2
    return f" (bytes part at offset {common})"


def compare_kind(kind, expected, actual):
    """Sentences for the first difference of one kind; later ones mostly follow from it."""
    for index in range(max(len(expected), len(actual))):
        wanted = expected[index] if index < len(expected) else None
        got = actual[index] if index < len(actual) else None
        if wanted != got:
            where = first_difference_of_bytes(wanted, got)
            counts = f"{len(expected)} expected, {len(actual)} came"
            return [f"{kind} number {index + 1} differs{where}; {counts}",
                    f"    expected: {show(wanted)}", f"    came:     {show(got)}"]
    return []


def flatten(value, path=""):
    if not isinstance(value, dict):
        return {path: value}
    flat = {}
    for name, inner in value.items():
        flat.update(flatten(inner, f"{path}.{name}" if path else name))
    return flat


def compare_totals(expected, actual):
    wanted, got = flatten(expected), flatten(actual)
    return [f"{name}: expected {wanted.get(name, 0)}, came {got.get(name, 0)}"
            for name in sorted(wanted.keys() | got.keys()) if wanted.get(name, 0) != got.get(name, 0)]


def compare(expected_text, actual_text):
    """All differences between two outputs as lines of text; empty when they agree."""
    expected_kinds, expected_totals = parse(expected_text)
    try:
        actual_kinds, actual_totals = parse(actual_text)
    except BadOutput as error:
        return [str(error)]
    differences = []
    for kind in KINDS:
        differences += compare_kind(kind, expected_kinds[kind], actual_kinds[kind])
    return differences + compare_totals(expected_totals, actual_totals)


def cause_of(differences, trace_lines):
    """The input line that the first difference names, for the reader's convenience."""
    for text in differences:
        _, found, rest = text.partition('"line": ')
        digits = rest.split(",")[0].split("}")[0]
        if found and digits.isdigit() and 0 < int(digits) <= len(trace_lines):
            return [f"    input line {digits}: {shorten(trace_lines[int(digits) - 1])}"]
    return []


def run_one(program, trace):
    """Feeds one trace. Returns its differences, empty when it agrees."""
    expected_path = trace[: -len(".jsonl")] + ".expected.jsonl"
    with open(expected_path, encoding="utf-8") as file:
        expected_text = file.read()
    with open(trace, encoding="utf-8") as file:
        trace_lines = file.read().splitlines()
    try:
        done = subprocess.run([program, "feed", trace], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.PIPE, timeout=FEED_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return [f"no end after {FEED_TIMEOUT_S} s"]
    complaint = done.stderr.decode("utf-8", "replace").strip()
    differences = compare(expected_text, done.stdout.decode("utf-8", "replace"))
    differences += cause_of(differences, trace_lines)
    if done.returncode != 0:
        differences.insert(0, f"exit code {done.returncode}: {shorten(complaint, 600) or 'no message'}")
    return differences


def traces_named(folder, names):
    """Paths of the traces; every trace of the folder where no name is given."""
    if not names:
        names = [name for name in sorted(os.listdir(folder))
                 if name.endswith(".jsonl") and not name.endswith(".expected.jsonl")]
    paths = []
    for name in names:
        path = name if os.path.isfile(name) else os.path.join(folder, name)
        paths.append(path if path.endswith(".jsonl") else path + ".jsonl")
    return paths


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("program", help="path of wavry-sim, for example build/debug/bin/wavry-sim")
    options.add_argument("names", nargs="*", help="traces by name or path (default: all)")
    options.add_argument("--folder", default=os.path.join(here, "data", "traces"))
    options.add_argument("--all", action="store_true", help="show every difference, not the first few")
    arguments = options.parse_args()

    program = os.path.abspath(arguments.program)
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        options.error(f"{arguments.program} is not a program")
    if not os.path.isdir(arguments.folder):
        options.error(f"{arguments.folder} is not a folder")
    paths = traces_named(arguments.folder, arguments.names)
    for path in paths:
        for needed in (path, path[: -len(".jsonl")] + ".expected.jsonl"):
            if not os.path.isfile(needed):
                options.error(f"{needed} does not exist")
    if not paths:
        options.error(f"{arguments.folder} holds no trace")

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda path: run_one(program, path), paths)
        for path, differences in zip(paths, results):
            if not differences:
                continue
            failed += 1
            print(f"FAILED {os.path.basename(path)[:-len('.jsonl')]}")
            shown = differences if arguments.all else differences[: DIFFERENCES_SHOWN * 3]
            for text in shown:
                print(f"  {text}")
            if len(shown) < len(differences):
                print(f"  … and {len(differences) - len(shown)} lines more (--all shows them)")
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
