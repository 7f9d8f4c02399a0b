#!/usr/bin/env python3
"""The reports behind ci/bench, ci/coverage, ci/fuzz and ci/matrix must be able to fail."""
import os
import subprocess
import sys
import tempfile
import unittest

CI = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ci")


def run(script, *arguments):
    done = subprocess.run([sys.executable, os.path.join(CI, script), *arguments], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    return done.returncode, done.stdout


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Bench(Report):
    def figures(self, *lines):
        return run("bench_report.py", self.write("figures", "".join(lines)))

    def test_the_median_counts_and_not_the_mean(self):
        status, text = self.figures("FIGURE\tforward\t100\tns\t<= 150\n", "FIGURE\tforward\t900\tns\t<= 150\n",
                                    "FIGURE\tforward\t140\tns\t<= 150\n")
        self.assertEqual(status, 0)
        self.assertIn("140", text)

    def test_a_missed_bound_of_either_kind_is_told(self):
        for line in ("FIGURE\tforward\t151\tns\t<= 150\n", "FIGURE\tevents\t9\tper s\t>= 10\n"):
            status, text = self.figures(line)
            self.assertEqual(status, 1)
            self.assertIn("MISSED", text)

    def test_a_figure_without_a_bound_misses_nothing(self):
        self.assertEqual(self.figures("FIGURE\tbytes\t5\tKiB\t-\n")[0], 0)

    def test_no_figure_and_unreadable_figures_are_errors(self):
        self.assertEqual(self.figures("all went well\n")[0], 2)
        self.assertEqual(self.figures("FIGURE\tforward\tfast\tns\t<= 150\n")[0], 2)
        self.assertEqual(self.figures("FIGURE\tforward\t1\tns\t= 150\n")[0], 2)


class Matrix(Report):
    ONE = "hash nat/x seed 1 events 9 0123456789abcdef\n"
    POINTS = "checkpoint nat/x 1s events 4 aaaaaaaaaaaaaaaa\ncheckpoint nat/x 2s events 8 {0}\n"
    TWO = ONE + "hash nat/y seed 1 events 9 0123456789abcdef\n"

    def compare(self, first, second):
        for build, text in (("a", first), ("b", second)):
            self.write(build + ".out", "passed nat/x\n" + text)
            self.write(build + ".end", "0 1\n")
        return run("matrix_report.py", self.folder, "a", "b")

    def test_equal_hashes_pass(self):
        status, text = self.compare(self.TWO, self.TWO)
        self.assertEqual(status, 0)
        self.assertIn("all hashes are equal", text)

    def test_another_hash_is_named_with_the_checkpoint_that_differs_first(self):
        status, text = self.compare(self.ONE + self.POINTS.format("b" * 16),
                                    self.ONE.replace("abcdef", "abcde0") + self.POINTS.format("c" * 16))
        self.assertEqual(status, 4)
        self.assertRegex(text, "nat/x: .*from before 2s on")

    def test_another_number_of_events_is_another_run(self):
        self.assertEqual(self.compare(self.ONE, self.ONE.replace("events 9", "events 8"))[0], 4)

    def test_a_missing_and_an_additional_scenario_differ(self):
        self.assertEqual(self.compare(self.TWO, self.ONE)[0], 4)
        self.assertEqual(self.compare(self.ONE, self.TWO)[0], 4)

    def test_nothing_to_compare_is_an_error(self):
        self.assertEqual(self.compare("", "")[0], 2)


class Coverage(Report):
    def report(self, hit_lines, hit_branches, room="core"):
        record = [f"SF:/src/{room}/x.c"]
        record += [f"DA:{line},{int(line <= hit_lines)}" for line in range(1, 101)]
        record += [f"BRDA:1,0,{branch},{int(branch < hit_branches)}" for branch in range(100)]
        path = self.write("info", "\n".join(record + ["end_of_record"]) + "\n")
        return run("coverage_report.py", path, "/src", "95", "90")[0]

    def test_both_bounds_are_kept_to_the_point(self):
        self.assertEqual(self.report(95, 90), 0)
        self.assertEqual(self.report(94, 90), 1)
        self.assertEqual(self.report(95, 89), 1)

    def test_a_run_without_the_core_shows_nothing(self):
        self.assertEqual(self.report(100, 100, room="sim"), 1)


class FuzzCoverage(Report):
    """Twenty functions of ten lines; what is told of line 195 is what the tests are about."""
    SOURCE = "".join(f"int f{n}(int a)\n{{\n    if (a == {n})\n        return {n};\n\n" + "    a++;\n" * 3
                     + "    return a;\n}\n" for n in range(20))
    REASON = "core/x.c\n      if (a == 19)\n!         return 19;\n: nobody says 19\n"

    def judge(self, reasons, missed=(194,), branches=100, source=SOURCE):
        for folder in ("core", "fuzz"):
            os.makedirs(os.path.join(self.folder, folder), exist_ok=True)
        self.write(os.path.join("core", "x.c"), source)
        self.write(os.path.join("fuzz", "unreached.txt"), "# Why.\n\n" + reasons)
        lines = [n for n, text in enumerate(source.splitlines(), 1) if text.strip() not in ("{", "}", "")]
        record = ["SF:" + os.path.join(self.folder, "core", "x.c")]
        record += [f"DA:{n},{int(n not in missed)}" for n in lines]
        record += [f"BRDA:3,0,{branch},{int(branch < branches)}" for branch in range(100)]
        info = self.write("info", "\n".join(record + ["end_of_record"]) + "\n")
        return run("fuzz_coverage.py", "--judge", info, self.folder)

    def test_a_line_with_its_reason_is_told_and_all_is_well(self):
        status, text = self.judge(self.REASON)
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"core/x\.c:194 +nobody says 19")

    def test_a_line_without_a_reason_is_an_error(self):
        status, text = self.judge("")
        self.assertEqual(status, 1)
        self.assertRegex(text, r"core/x\.c:194 +NO REASON")
        self.assertIn("1 lines are not reached", text)

    def test_neighbours_of_different_reasons_stand_apart(self):
        both = self.REASON + "      return 19;\n!     a++;\n      a++;\n: nor goes on\n"
        status, text = self.judge(both, missed=(194, 196))
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"core/x\.c:196 +nor goes on")

    def test_a_reason_moves_with_its_lines(self):
        status, text = self.judge(self.REASON, missed=(197,), source="\n// More.\n\n" + self.SOURCE)
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"core/x\.c:197 +nobody says 19")

    def test_a_reason_for_what_is_reached_now_is_stale(self):
        status, text = self.judge(self.REASON, missed=())
        self.assertEqual(status, 1)
        self.assertIn("fuzz/unreached.txt:4: core/x.c:194 is reached now", text)

    def test_a_reason_for_lines_that_are_gone_is_stale(self):
        for reasons in (self.REASON.replace("19;", "20;"), self.REASON.replace("x.c", "y.c")):
            status, text = self.judge(self.REASON + reasons)
            self.assertEqual(status, 1)
            self.assertIn("has no such lines", text)

    def test_lines_that_stand_in_several_places_name_none(self):
        status, text = self.judge("core/x.c\n!     return a;\n: nobody returns\n", missed=(9,))
        self.assertEqual(status, 1)
        self.assertIn("has such lines 20 times", text)

    def test_two_reasons_for_one_line_are_one_too_many(self):
        status, text = self.judge(self.REASON + "!         return 19;\n: said twice\n")
        self.assertEqual(status, 1)
        self.assertIn("has a reason already", text)

    def test_what_is_no_code_needs_no_reason(self):
        status, text = self.judge(self.REASON + "  int f19(int a)\n! {\n: a brace\n")
        self.assertEqual(status, 1)
        self.assertIn("core/x.c:192 is no code", text)

    def test_entries_must_be_whole(self):
        for reasons in (self.REASON + "!     return a;\n",
                        self.REASON.replace(": nobody says 19", ":"),
                        self.REASON.replace("!", " "),
                        self.REASON.replace("core/x.c\n", "")):
            self.assertEqual(self.judge(reasons)[0], 1, reasons)

    def test_both_bars_are_kept_to_the_point(self):
        lines = [n for n in range(1, 201) if n % 10 not in (0, 2, 5)]
        for count, expected in ((7, 0), (8, 1)):  # of 140
            missed = lines[-count:]
            reasons = "core/x.c\n" + "".join(
                ("! " if number in missed else "  ") + text + "\n"
                for number, text in enumerate(self.SOURCE.splitlines(), 1) if number > 180) + ": so\n"
            status, text = self.judge(reasons, missed=missed)
            self.assertEqual(status, expected, text)
            self.assertEqual("95 % of the lines" in text, expected == 1)
        self.assertEqual(self.judge(self.REASON, branches=90)[0], 0)
        status, text = self.judge(self.REASON, branches=89)
        self.assertEqual(status, 1)
        self.assertIn("90 % of the branches", text)

    def test_a_run_without_the_core_shows_nothing(self):
        info = self.write("info", "SF:/elsewhere/x.c\nDA:1,1\nend_of_record\n")
        os.makedirs(os.path.join(self.folder, "fuzz"))
        self.write(os.path.join("fuzz", "unreached.txt"), "")
        status, text = run("fuzz_coverage.py", "--judge", info, self.folder)
        self.assertEqual(status, 1)
        self.assertIn("no line of core/ was measured", text)


if __name__ == "__main__":
    unittest.main()
