#!/usr/bin/env python3
"""The reports behind ci/bench, ci/coverage and ci/matrix must be able to fail."""
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


if __name__ == "__main__":
    unittest.main()
