#!/usr/bin/env python3
"""Checks of the sources that no compiler makes; prints file:line for each finding.

- No floating point in core/ and sim/: neither types nor constants. The few files that only show or
  read numbers and decide nothing are named below.
- No file over 600 lines.
- Nothing left for later: no TODO, FIXME or XXX.
- Nothing that reads the machine in core/ and sim/: no wall time, no C library random, no locale.
- A script that begins with #! can be run as it stands in the documents.

Exit code: 0 clean, 1 findings, 2 bad usage.
"""
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("core", "common", "sim", "relay", "tools", "tests", "fuzz")
SCRIPT_FOLDERS = (".ci", ".clusterfuzzlite", "ci", "deploy")
LINES_MAX = 600
# cJSON gives numbers as double. What reads JSON may test one for being whole and take it as an
# integer; below 2^53 that is exact.
FLOAT_ALLOWED = {
    "sim/feed_trace.c",
    "sim/fields.c",
    "sim/json_text.c",
    "sim/oracle_token.c",
    "sim/scenario_tables.c",
    "sim/schema.c",  # bounds of whole numbers, as cJSON writes them
    "sim/sim_arena.c",  # alignment only
}
# Files outside the simulated world that may look at the machine's clock.
CLOCK_ALLOWED = set()

FLOAT = re.compile(r"\b(float|double|long\s+double|strtod|strtof|atof|valuedouble)\b|"
                   r"(?<![\w.])\d+\.\d*(?![\w.])|(?<![\w.])\d+[eE][-+]?\d+")
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")
MACHINE = re.compile(r"\b(time|clock|clock_gettime|gettimeofday|localtime|gmtime|rand|srand|random|"
                     r"drand48|getrandom|randombytes(?!_buf_deterministic)\w*|setlocale)\s*\(|\b__(DATE|TIME)__\b")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_only(text):
    """The text with comments and literals blanked, line breaks kept."""
    return TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def findings_in(path, text):
    """(line, sentence) for each finding; `path` is relative to the checkout."""
    room = path.split("/")[0]
    found = []
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        found.append((len(lines), f"{len(lines)} lines: over {LINES_MAX}, this is two modules"))
    for number, line in enumerate(lines, 1):
        if LATER.search(line):
            found.append((number, "something is left for later"))
    if room in ("core", "sim"):
        for number, line in enumerate(code_only(text).splitlines(), 1):
            if path not in FLOAT_ALLOWED and not line.startswith("#include") and FLOAT.search(line):
                found.append((number, "floating point"))
            if path not in CLOCK_ALLOWED and MACHINE.search(line):
                found.append((number, "looks at the machine"))
    return found


def is_lame(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!" and not os.access(path, os.X_OK)


def files_of(root_folders):
    for folder in root_folders:
        for where, folders, files in os.walk(os.path.join(ROOT, folder)):
            folders[:] = sorted(name for name in folders if name not in ("data", "corpus"))
            for name in sorted(files):
                yield os.path.relpath(os.path.join(where, name), ROOT)


def self_test():
    """Each check must find what it is for, and leave comments and strings alone."""
    for text in ("double x;", "int y = 1.5;", "int y = 1e6;", "time(NULL);", "rand ();"):
        assert findings_in("sim/x.c", text), text
        assert not findings_in("tests/x.c", text), text
        assert not findings_in("core/x.c", f'/* {text} */ const char *s = "{text}";'), text
    for text in ("uint64_t version_1 = 0x57e5;", "deadline_time(now);", "x = a.b5;", "double_it();"):
        assert not findings_in("core/x.c", text), text
    assert findings_in("tools/x.c", "/* " + "TO" + "DO */")
    assert findings_in("core/x.c", "\n" * 601)
    with tempfile.NamedTemporaryFile() as script:
        assert not is_lame(script.name)
        script.write(b"#!/bin/sh\n")
        script.flush()
        assert is_lame(script.name)
        os.chmod(script.name, 0o700)
        assert not is_lame(script.name)


def main():
    if sys.argv[1:]:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    self_test()
    count = 0
    for path in files_of((*FOLDERS, *SCRIPT_FOLDERS)):
        found = []
        if is_lame(os.path.join(ROOT, path)):
            found.append((1, "begins with #! and is not executable"))
        if path.endswith((".c", ".h")):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                found += findings_in(path, file.read())
        for number, sentence in found:
            print(f"{path}:{number}: {sentence}")
        count += len(found)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
