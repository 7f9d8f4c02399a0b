"""Scenarios fail when what they show is broken: each pair below is a scenario and a deliberate fault
of the core (core/fault.h) that must make it lose one of its own expectations. That an oracle objects
as well is welcome and does not count.

usage: test_scenarios_can_fail.py WAVRY_SIM_FAULTY SCENARIOS
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SIM, SCENARIOS = sys.argv[1], pathlib.Path(sys.argv[2])

PAIRS = {
    "nat/legacy-client-is-rebound-in-mid-stream": "rebind_off",
    "nat/robust-peer-is-rebound-in-mid-stream": "promote_by_forward_without_silence",
    "nat/mapping-expires-without-keepalives": "rebind_off",
    "nat/nat-reboots-with-another-public-address": "cookie_ignores_address",
    "nat/symmetric-nat-moves-port-at-every-pause": "rebind_off",
    "nat/carrier-nat-gives-old-port-to-another-tenant": "never_stale",
    "nat/legacy-phone-on-a-new-ip-gets-three-times-what-it-sends": "no_path_cap",
    "nat/both-peers-are-rebound-at-once": "promote_by_forward_without_silence",
    "nat/carrier-moves-a-mapping-to-another-public-address": "promote_by_forward_without_silence",
    "nat/copied-present-cannot-take-a-live-flow": "candidate_takes_over",
    "nat/copied-present-without-a-cookie-cannot-take-a-silent-flow": "promote_behind_top",
    "nat/thief-promoted-in-a-pause-loses-the-flow-again": "no_reversion",
    "lease/lease-expires-in-mid-stream": "expire_late",
    "lease/renewed-late-and-back-again": "ignore_expiry",
    "lease/bare-renew-never-outlives-the-signature": "renew_outlives_signature",
    "lease/not-before-ahead-outside-the-skew": "skip_not_yet_valid",
    "lease/lease-made-for-another-relay": "skip_wrong_relay",
    "lease/lease-that-lives-too-long": "skip_horizon",
    "lease/handshake-right-behind-the-present-arrives": "held_forgotten",
    "lease/hello-overtakes-message-3-and-waits-for-it": "message_3_overtaken",
    "lease/older-token-after-a-newer-one": "older_token_accepted",
    "lease/peer-restarts-with-the-same-token-and-is-muted": "no_replay_window",
    "lease/peers-release-and-the-session-is-gone": "released_token_comes_back",
    "lease/another-identity-cannot-take-a-role": "no_identity_lock",
    "lease/banned-identity-loses-its-session-and-comes-back-after-the-unban": "ban_ignored",
    "lease/relay-clock-far-ahead-finds-every-lease-expired": "skip_expired",
    "lease/relay-clock-ahead-inside-the-skew": "expire_late",
    "lease/relay-clock-jumps-back-and-prolongs-nothing": "ignore_expiry",
    "lease/second-peer-comes-too-late": "wait_forever",
    "lease/idle-session-is-removed": "idle_never",
    "keys/rotation-in-the-right-order": "key_never_joins",
    "keys/master-rotates-first-and-relays-learn-later": "key_never_joins",
    "keys/same-kid-with-other-bytes-after-a-masters-restart": "key_never_joins",
    "keys/compromised-key-is-revoked": "revoke_ignored",
    "keys/unknown-kid-asks-the-master-once-not-a-thousand-times": "wait_for_key_floods_master",
    "keys/fifty-callers-wait-for-one-key": "wait_for_key_floods_master",
    "overload/session-surge-above-the-shed-threshold": "no_shed",
    "overload/lease-flood-while-media-flows": "skip_signature",
    "overload/lease-flood-that-names-a-live-session": "verify_without_budget",
    "overload/one-address-floods-and-only-it-is-limited": "unlimited_unbound",
    "overload/greedy-session-leaves-the-others-whole": "unlimited_session",
    "overload/newcomer-gets-past-a-full-verification-queue-by-its-cookie": "queue_ignores_cookie",
    "overload/replayed-forwards-reach-nobody": "no_replay_window",
    "overload/replayed-presents-change-nothing": "candidate_takes_over",
    "overload/one-forged-sequence-with-the-clients-address-mutes-nobody": "jump_at_once",
    "overload/reflection-at-a-victim-is-not-worth-it": "unlimited_unbound",
    "overload/relay-drains-and-refuses-only-new-sessions": "no_drain",
}


def lost_expectations(scenario, fault):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [SIM, "run", "--json", report.name]
        command += ["--fault", fault] if fault else []
        command.append(str(SCENARIOS / f"{scenario}.json"))
        subprocess.run(command, capture_output=True, text=True, check=False)
        outcome = json.load(report)["scenarios"][0]
    return [e["expected"] for e in outcome["expectations"] if not e["held"]], outcome["result"]


class ScenariosCanFail(unittest.TestCase):
    def test_each_family_is_there(self):
        self.assertEqual({s.split("/")[0] for s in PAIRS}, {"nat", "lease", "keys", "overload"})

    def test_without_a_fault_nothing_is_lost(self):
        self.assertEqual(lost_expectations(next(iter(PAIRS)), None), ([], "passed"))

    def test_with_its_fault_each_loses_an_expectation(self):
        for scenario, fault in PAIRS.items():
            with self.subTest(scenario=scenario, fault=fault):
                lost, _ = lost_expectations(scenario, fault)
                self.assertTrue(lost, "every expectation holds in spite of the fault")

    def test_faults_are_listed_and_unknown_ones_named(self):
        listed = subprocess.run([SIM, "run", "--fault", "list"], capture_output=True, text=True,
                                check=False)
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))
        names = {line.split()[0] for line in listed.stdout.splitlines()}
        self.assertLessEqual(set(PAIRS.values()), names)
        unknown = subprocess.run([SIM, "run", "--fault", "no_shedd", str(SCENARIOS)],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(unknown.returncode, 2)
        self.assertIn('did you mean "no_shed"?', unknown.stderr)

    def test_a_core_whose_deadline_stands_still_does_not_hold_the_world(self):
        scenario = SCENARIOS / "nat/keepalives-hold-the-mapping.json"
        done = subprocess.run([SIM, "run", "--fault", "deadline_stands_still", str(scenario)],
                              capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 3, done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
