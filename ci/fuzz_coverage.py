#!/usr/bin/env python3
"""fuzz_coverage.py ROOT BUILD TARGET...: what the corpora alone reach of core/.

Replays each corpus once in a build for lcov, then prints lines and branches of every file of core/ and
the lines that nothing reached. Exit code 1 if a corpus does not pass.
"""
import os
import subprocess
import sys

import coverage_report

OPTIONS = ["--rc", "lcov_branch_coverage=1", "--rc", r"lcov_excl_br_line=LCOV_EXCL_BR_LINE|\bassert\("]
OPTIONS_2 = ["--rc", "branch_coverage=1", "--rc", r"lcov_excl_br_line=LCOV_EXCL_BR_LINE|\bassert\(",
             "--ignore-errors", "mismatch,inconsistent,unused,empty,negative"]


def clear(build):
    for where, _, names in os.walk(build):
        for name in names:
            if name.endswith(".gcda"):
                os.unlink(os.path.join(where, name))


def capture(root, build):
    version = subprocess.check_output(["lcov", "--version"], text=True)
    options = OPTIONS if "version 1." in version else OPTIONS_2
    # The targets' own objects too: they hold what the core's headers define.
    objects = (os.path.join(build, "core", "CMakeFiles", "wavry_core.dir"),
               os.path.join(build, "fuzz", "CMakeFiles"))
    parts = [os.path.join(build, name) for name in ("initial.info", "run.info", "fuzz.info")]
    common = ["lcov", "--quiet", *options, *[part for folder in objects for part in ("--directory", folder)],
              "--base-directory", root, "--no-external"]
    subprocess.run([*common, "--capture", "--initial", "--output-file", parts[0]], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run([*common, "--capture", "--output-file", parts[1]], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["lcov", "--quiet", *options, "--add-tracefile", parts[0], "--add-tracefile",
                    parts[1], "--output-file", parts[2] + ".all"], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["lcov", "--quiet", *options, "--extract", parts[2] + ".all",
                    os.path.join(root, "core", "*"), "--output-file", parts[2]], check=True,
                   stderr=subprocess.DEVNULL)
    return parts[2]


def uncovered(info, root):
    """File → numbers of lines that were never run."""
    files, current = {}, None
    with open(info, encoding="utf-8") as records:
        for record in records:
            key, _, value = record.strip().partition(":")
            if key == "SF":
                current = files.setdefault(os.path.relpath(value, root), [])
            elif key == "DA" and value.split(",")[1] == "0":
                current.append(int(value.split(",")[0]))
    return {name: sorted(set(lines)) for name, lines in files.items() if lines}


def ranges(lines):
    begin = before = lines[0]
    for line in lines[1:] + [None]:
        if line is None or line > before + 2:  # a brace or a blank line may lie between
            yield (begin, before)
            begin = line
        before = line


def main():
    if len(sys.argv) < 4:
        print(__doc__)
        return 2
    root, build, targets = sys.argv[1], sys.argv[2], sys.argv[3:]
    clear(build)
    failed = 0
    for target in targets:
        failed |= subprocess.run([os.path.join(build, "bin", "replay_" + target),
                                  os.path.join(root, "fuzz", "corpus", target)],
                                 stdout=subprocess.DEVNULL, check=False).returncode != 0
    info = capture(root, build)
    files = coverage_report.read(info, root)
    total = [0, 0, 0, 0]
    for name in sorted(files):
        print(coverage_report.row(name, files[name]))
        total = [a + b for a, b in zip(total, files[name])]
    print(coverage_report.row("core/", total))
    print("\nlines that no corpus reaches:")
    for name, lines in sorted(uncovered(info, root).items()):
        if files[name][0] == 0:
            print(f"{name}: none at all")
            continue
        print(f"{name}: " + ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(lines)))
    return failed


if __name__ == "__main__":
    sys.exit(main())
