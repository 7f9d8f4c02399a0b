"""Reloads of the real relay: what is said to have changed has changed, and nobody waits for it.

usage: test_flow_reload.py WAVRY_RELAY [TEST…]
"""
import signal
import sys

from relay_bed import Fail, Relay, equal, main, temporary_folder


class Reloaded:
    """A relay with a configuration file that can be written anew."""

    def __init__(self, program, folder, text, *options):
        self.path = folder + "/relay.conf"
        self.write(text)
        self.relay = Relay(program, "--config", self.path, *options)

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def reload(self, text):
        seen = len(self.relay.lines)
        self.write(text)
        self.relay.signal(signal.SIGHUP)
        self.relay.wait_line("reloaded", after=seen)


def statistics_begin_with_a_reload(program):
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "stats-log-interval-secs = 0\n")
        with bench.relay as relay:
            bench.reload("stats-log-interval-secs = 1\n")
            relay.wait_line("statistics", deadline=20)


def the_rate_of_signatures_that_is_shown_is_the_one_that_applies(program):
    name = "wavry_relay_verification_rate_limit"
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "verify-rate = 111\n")
        with bench.relay as relay:
            equal(relay.metrics()[name], 111, "at the start")
            bench.reload("verify-rate = 222\n")
            equal(relay.metrics()[name], 222, "after a reload")
            bench.reload("verify-rate = auto\n")
            measured = relay.metrics()[name]
            if measured == 222 or measured < 1:
                raise Fail(f"auto is measured: {measured}")
            bench.reload("verify-rate = 333\n")
            bench.reload("verify-rate = auto\n")
            equal(relay.metrics()[name], measured, "what was measured once")


if __name__ == "__main__":
    main(sys.modules[__name__])
