#!/usr/bin/env python3
"""The comparer of traces must let pass what docs/traces.md leaves open, and nothing else."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from run_traces import compare  # noqa: E402

SESSION = "01001000400040008000" + "0" * 8 + "abc1"
ACK = "57010201" + SESSION + "00" * 16
OUTPUT = [
    '{"line": 2, "outcome": "lease_taken"}',
    '{"at_ns": 0, "event": "created", "session": "s"}',
    '{"line": 2, "verdict": "accepted"}',
    '{"line": 2, "send": "203.0.113.5:5000", "hex": "' + ACK + "ab" * 16 + '"}',
    '{"line": 3, "outcome": "forwarded"}',
    '{"line": 3, "send": "192.0.2.77:6000", "hex": "57011001' + SESSION + "cd" * 40 + '"}',
    '{"counters": {"packets_rx": 2}, "outcomes": {"forwarded": 1}, "held": 0}',
]


def differences(lines):
    return compare("\n".join(OUTPUT), "\n".join(lines))


def with_line(index, old, new):
    lines = list(OUTPUT)
    assert old in lines[index]
    lines[index] = lines[index].replace(old, new)
    return lines


class Comparer(unittest.TestCase):
    def test_the_same_output_agrees(self):
        self.assertEqual(differences(OUTPUT), [])

    def test_another_cookie_agrees(self):
        self.assertEqual(differences(with_line(3, "ab" * 16, "77" * 16)), [])

    def test_kinds_may_be_interleaved_otherwise(self):
        lines = [OUTPUT[i] for i in (0, 2, 3, 1, 5, 4, 6)]
        self.assertEqual(differences(lines), [])

    def test_zero_counts_may_be_left_out_or_added(self):
        self.assertEqual(differences(with_line(6, ', "held": 0', ', "pending": 0')), [])

    def test_order_within_a_kind_matters(self):
        lines = [OUTPUT[i] for i in (4, 1, 2, 3, 0, 5, 6)]
        self.assertTrue(differences(lines))

    def test_an_answer_without_the_cookie_bit_is_another_answer(self):
        self.assertTrue(differences(with_line(3, "57010201", "57010200")))

    def test_a_shorter_answer_is_another_answer(self):
        self.assertTrue(differences(with_line(3, "ab" * 16, "ab" * 15)))

    def test_the_end_of_a_forwarded_packet_is_no_cookie(self):
        self.assertTrue(differences(with_line(5, "cd" * 40, "cd" * 39 + "ce")))

    def test_another_destination_is_found(self):
        self.assertTrue(differences(with_line(5, "192.0.2.77:6000", "192.0.2.77:6001")))

    def test_another_cause_is_found(self):
        self.assertTrue(differences(with_line(4, '"line": 3', '"line": 2')))

    def test_another_count_is_found(self):
        self.assertTrue(differences(with_line(6, '"packets_rx": 2', '"packets_rx": 3')))

    def test_a_count_that_should_be_zero_is_found(self):
        self.assertTrue(differences(with_line(6, '"packets_rx": 2', '"packets_rx": 2, "dropped": 1')))

    def test_something_missing_or_added_is_found(self):
        for index in range(len(OUTPUT)):
            self.assertTrue(differences(OUTPUT[:index] + OUTPUT[index + 1:]), OUTPUT[index])
            self.assertTrue(differences(OUTPUT[:index] + OUTPUT[index:index + 1] + OUTPUT[index:]))

    def test_junk_and_empty_output_are_found(self):
        self.assertTrue(differences(OUTPUT[:-1] + ["Segmentation fault"] + OUTPUT[-1:]))
        self.assertTrue(differences([]))


if __name__ == "__main__":
    unittest.main()
