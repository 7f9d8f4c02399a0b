#!/usr/bin/env python3
"""Tests of wavry-lease through the real binary: test_wavry_lease_cli.py BINARY DATA_DIRECTORY."""

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

BINARY = DATA = None
SESSION = "01001000-4000-8000-0000-00000000abc1"
NOW = "2026-11-14T20:00:00Z"


def run(*arguments, stdin=""):
    """The program's (exit code, standard output, standard error)."""
    done = subprocess.run([BINARY, *arguments], input=stdin.encode(), capture_output=True,
                          timeout=30, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def vector_arguments(case):
    arguments = []
    for key in case["keys"]:
        arguments += ["--key", f"{key['kid'] or ''}:{key['public_key_hex']}"]
    return arguments + ["--relay-id", case["relay_id"], "--session", case["session_id"],
                        "--role", case["role"], "--now", case["now"],
                        "--skew", str(case["max_clock_skew_secs"])]


class Scratch(unittest.TestCase):
    """A directory of its own with one key pair in it."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.secret = os.path.join(directory.name, "secret")
        self.public = os.path.join(directory.name, "public")
        code, _, errors = run("keygen", "--kid", "k1", "--secret-file", self.secret,
                              "--public-file", self.public)
        self.assertEqual((code, errors), (0, ""))
        self.key = read(self.public).strip()

    def mint_arguments(self, *more):
        return ("mint", "--key-file", self.secret, "--sub", "alice", "--session", SESSION,
                "--role", "client", "--relay-id", "fra-1", "--now", NOW, *more)

    def mint(self, *more):
        code, token, errors = run(*self.mint_arguments(*more))
        self.assertEqual((code, errors), (0, ""))
        return token.strip()

    def verify(self, token, *more, key=None):
        code, out, errors = run("verify", "--key", key or self.key, "--relay-id", "fra-1",
                                "--session", SESSION, "--role", "client", "--now", NOW, *more,
                                token)
        self.assertEqual(errors, "")
        answer = json.loads(out)
        self.assertEqual(code, 0 if answer["verdict"] == "accepted" else 1)
        return answer

    def verdict(self, token, *more, key=None):
        return self.verify(token, *more, key=key)["verdict"]


class Vectors(unittest.TestCase):
    def check_file(self, name, count):
        with open(os.path.join(DATA, name), encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        self.assertEqual(len(cases), count)
        for case in cases:
            with self.subTest(case["name"]):
                code, out, errors = run("verify", *vector_arguments(case), case["token"])
                wanted = {"verdict": case["verdict"]}
                if case["verdict"] == "accepted":
                    wanted["claims"] = case["claims"]
                self.assertEqual(json.loads(out), wanted)
                self.assertEqual(code, 0 if case["verdict"] == "accepted" else 1)
                self.assertEqual(errors, "")

    def test_every_lease_vector_has_its_verdict(self):
        self.check_file("leases.json", 121)

    def test_what_the_real_master_handed_out_is_accepted(self):
        self.check_file("real-master-leases.json", 2)


class Verify(Scratch):
    def test_a_token_is_read_from_standard_input_without_its_line_end(self):
        token = self.mint()
        arguments = ("verify", "--key", self.key, "--relay-id", "fra-1", "--session", SESSION,
                     "--role", "client", "--now", NOW)
        for text, more in ((token, ["-"]), (token + "\n", ["-"]), (token + "\r\n", []),
                           (token, [])):
            self.assertEqual(run(*arguments, *more, stdin=text)[0], 0)
        self.assertEqual(run(*arguments, "-", stdin=token + "\n\n")[0], 1)
        self.assertEqual(run(*arguments, stdin="")[0], 1)
        code, out, errors = run(*arguments, stdin="x" * 70000)
        self.assertEqual((code, json.loads(out), errors), (1, {"verdict": "malformed_token"}, ""))

    def test_of_keys_with_one_kid_each_is_tried_and_those_without_last(self):
        token = self.mint()
        other = "k1:" + "11" * 32
        arguments = ["--relay-id", "fra-1", "--session", SESSION, "--role", "client", "--now", NOW]
        for keys in ([self.key, other], [other, self.key], [other, self.key[2:]],
                     [self.key[2:], other]):
            options = [option for key in keys for option in ("--key", key)]
            self.assertEqual(run("verify", *options, *arguments, token)[0], 0, keys)

    def test_the_key_decides(self):
        token = self.mint()
        public = self.key.split(":")[1]
        self.assertEqual(self.verdict(token, key=f"k2:{public}"), "unknown_key")
        self.assertEqual(self.verdict(token, key=f":{public}"), "accepted")
        self.assertEqual(self.verdict(token, key="k1:" + "11" * 32), "bad_signature")
        self.assertEqual(self.verdict(self.mint("--without", "kid")), "unknown_key")
        self.assertIsNone(self.verify(self.mint("--without", "kid"),
                                      key=f":{public}")["claims"]["kid"])

    def test_the_clock_and_the_skew_decide(self):
        token = self.mint("--ttl", "60")
        for now, skew, verdict in (("20:01:29.999Z", "30", "accepted"),
                                   ("20:01:30Z", "30", "expired"),
                                   ("20:01:00Z", "0", "expired"),
                                   ("19:59:30Z", "30", "accepted"),
                                   ("19:59:29.999Z", "30", "not_yet_valid")):
            self.assertEqual(self.verdict(token, "--now", "2026-11-14T" + now, "--skew", skew),
                             verdict)

    def test_without_now_the_clock_counts(self):
        code, token, _ = run("mint", "--key-file", self.secret, "--sub", "a", "--session", SESSION,
                             "--role", "server", "--relay-id", "r")
        self.assertEqual(code, 0)
        code, out, _ = run("verify", "--key", self.key, "--relay-id", "r", "--session", SESSION,
                           "--role", "server", token.strip())
        self.assertEqual((code, json.loads(out)["verdict"]), (0, "accepted"))

    def test_wrong_usage_is_told(self):
        good = ["--key", self.key, "--relay-id", "r", "--session", SESSION, "--role", "client"]
        for arguments, word in ((good[2:], "--key"), (good[:2] + good[4:], "--relay-id"),
                                (good[:4] + good[6:], "--session"), (good[:6], "--role"),
                                (good + ["--key", "nocolon"], "KID:HEX"),
                                (good + ["--key", "k:12"], "64 hex"),
                                (good + ["--key", "k:" + "zz" * 32], "64 hex"),
                                (good + ["--key", "k" * 256 + ":" + "11" * 32], "255"),
                                (good + ["--key", self.key] * 64, "too many"),
                                (good + ["--session", "x"], "UUID"),
                                (good + ["--role", "boss"], "client or server"),
                                (good + ["--now", "noon"], "RFC 3339"),
                                (good + ["--skew", "-1"], "whole seconds"),
                                (good + ["--skew", ""], "whole seconds"),
                                (good + ["--skew", "4294967296"], "whole seconds"),
                                (good + ["--nonsense"], "nonsense"),
                                (good + ["a", "b"], "one token")):
            code, out, errors = run("verify", *arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertIn(word, errors)


class Keygen(Scratch):
    def test_a_secret_file_is_its_owners_alone_and_the_secret_is_not_printed(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.secret).st_mode), 0o600)
        self.assertRegex(read(self.secret), r"\Ak1:[0-9a-f]{64}\n\Z")
        self.assertRegex(self.key, r"\Ak1:[0-9a-f]{64}\Z")

    def test_without_files_everything_is_printed(self):
        code, out, _ = run("keygen")
        match = re.fullmatch(r"kid     (\S+)\npublic  ([0-9a-f]{64})\nsecret  ([0-9a-f]{64})\n", out)
        self.assertEqual(code, 0)
        kid, public, secret = match.groups()
        self.assertEqual(kid, "k" + public[:16])
        code, token, _ = run("mint", "--key-file", "-", "--sub", "a", "--session", SESSION,
                             "--role", "client", "--relay-id", "fra-1", "--now", NOW,
                             "--kid", kid, stdin=secret + "\n")
        self.assertEqual(code, 0)
        self.assertEqual(self.verdict(token.strip(), key=f"{kid}:{public}"), "accepted")
        self.assertNotEqual(run("keygen")[1], out)

    def test_a_key_that_could_not_be_printed_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "keygen"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_nothing_is_ever_overwritten(self):
        before = read(self.secret)
        code, out, errors = run("keygen", "--secret-file", self.secret)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("exists", errors)
        self.assertEqual(read(self.secret), before)
        fresh = self.secret + ".2"
        code, out, _ = run("keygen", "--secret-file", fresh, "--public-file", self.public)
        self.assertEqual((code, out), (1, ""))
        self.assertFalse(os.path.exists(fresh), "half a pair is not left behind")

    def test_wrong_usage_is_told(self):
        for arguments in (["--kid", ""], ["--kid", "a b"], ["--kid", "x" * 256], ["more"],
                          ["--kid", "#1"], ["--what"]):
            code, out, errors = run("keygen", *arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("wavry-lease keygen", errors)


class Mint(Scratch):
    def test_all_claims_can_be_given(self):
        token = self.mint("--soft-kbps", "2000", "--hard-kbps", "3000", "--kid", "other",
                          "--footer", "a footer", "--ttl", "120", "--exp", "2026-11-14T20:01:00Z",
                          "--nbf", "2026-11-14T19:00:00Z", "--iat", "2026-11-14T19:00:00Z",
                          "--extra", '"x": [1]')
        self.assertEqual(token.count("."), 3)
        answer = self.verify(token, key=self.key.replace("k1:", "other:"))
        self.assertEqual(answer["claims"], {"sub": "alice", "expires_unix_ms": 1794686460000,
                                            "soft_limit_kbps": 2000, "hard_limit_kbps": 3000,
                                            "kid": "other"})

    def test_the_times_can_be_set_one_by_one(self):
        late = "2026-11-14T20:01:00Z"
        self.assertEqual(self.verdict(self.mint("--nbf-rfc3339", late)), "not_yet_valid")
        self.assertEqual(self.verdict(self.mint("--iat-rfc3339", late)), "issued_in_future")
        self.assertEqual(self.verdict(self.mint("--iat-rfc3339", "2026-11-14T10:00:00Z",
                                                "--exp-rfc3339", "2026-11-14T19:00:00Z")),
                         "expired")

    def test_a_member_can_be_left_out(self):
        defaults = self.verify(self.mint("--without", "slimit", "--without", "hlimit",
                                         "--soft-kbps", "1", "--hard-kbps", "1"))["claims"]
        self.assertEqual((defaults["soft_limit_kbps"], defaults["hard_limit_kbps"]),
                         (50000, 100000))
        self.assertEqual(self.verdict(self.mint("--without", "rid")), "wrong_relay")
        self.assertEqual(self.verdict(self.mint("--without", "iat_rfc3339", "--without",
                                                "nbf_rfc3339")), "accepted")
        for member in ("sub", "sid", "role", "exp_rfc3339"):
            code, out, errors = run(*self.mint_arguments("--without", member))
            self.assertEqual((code, out), (1, ""), member)
            self.assertIn("--force", errors)
            self.assertEqual(self.verdict(self.mint("--without", member, "--force")),
                             "malformed_claims")

    def test_any_payload_can_be_signed(self):
        payload = self.secret + ".payload"
        with open(payload, "wb") as file:
            file.write(b"\xff[]")
        self.assertEqual(run("mint", "--key-file", self.secret, "--payload", payload)[0], 1)
        code, token, _ = run("mint", "--key-file", self.secret, "--payload", payload, "--force")
        self.assertEqual(code, 0)
        self.assertEqual(self.verdict(token.strip()), "malformed_claims")

    def test_a_key_may_come_in_several_forms(self):
        kid, seed = read(self.secret).strip().split(":")
        public = self.key.split(":")[1]
        rest = self.mint_arguments()[3:]
        token = self.mint()
        for secret in (f"{kid}:{seed}{public}", f"{kid}:{seed.upper()}"):
            self.assertEqual(run("mint", "--secret-in-arguments", secret, *rest)[1].strip(), token)
        for wrong in (f"{kid}:{seed}{'00' * 32}", f"{kid}:{seed[2:]}", "", f"{kid}:{'zz' * 32}",
                      "x" * 300 + ":" + seed):
            code, out, errors = run("mint", "--secret-in-arguments", wrong, *rest)
            self.assertEqual((code, out), (1, ""))
            if seed in wrong:
                self.assertNotIn(seed, errors, "a complaint does not print the secret")

    def test_wrong_usage_is_told(self):
        good = list(self.mint_arguments()[1:])
        for arguments, code, word in ((good[2:], 2, "--key-file"),
                                      (good + ["--secret-in-arguments", "x"], 2, "--key-file"),
                                      (good[:2] + good[4:], 2, "--sub"),
                                      (good + ["--session", "x"], 2, "UUID"),
                                      (good + ["--role", "x"], 2, "client or server"),
                                      (good + ["--now", "x"], 2, "RFC 3339"),
                                      (good + ["--ttl", "1.5"], 2, "whole seconds"),
                                      (good + ["--soft-kbps", "-1"], 2, "--soft-kbps"),
                                      (good + ["--hard-kbps", "4294967296"], 2, "--hard-kbps"),
                                      (good + ["--without", "x"], 2, "no member"),
                                      (good + ["--without", "kid"] * 17, 2, "too many"),
                                      (good + ["more"], 2, "not expected"),
                                      (good + ["--what"], 2, "what"),
                                      (good + ["--sub", "x" * 1100], 1, "datagram"),
                                      (good + ["--sub", " "], 1, "malformed_claims"),
                                      (good + ["--ttl", "0"], 1, "malformed_claims"),
                                      (good + ["--payload", "/nonexistent"], 1, "No such file"),
                                      (good + ["--key-file", "/nonexistent"], 1, "No such file")):
            result, out, errors = run("mint", *arguments)
            self.assertEqual((result, out), (code, ""), arguments)
            self.assertIn(word, errors)


class Inspect(Scratch):
    def inspect(self, token, now=NOW, code=0):
        result, out, errors = run("inspect", "--now", now, token)
        self.assertEqual((result, errors), (code, ""))
        self.assertRegex(out, r"(?i)nothing was verified|no PASETO")
        return out

    def test_a_lease_is_explained_in_words(self):
        out = self.inspect(self.mint(), "2026-11-14T20:05:00Z")
        for words in ("alice", SESSION, "client", "fra-1", "k1", "2026-11-14 20:15:00.000 UTC",
                      "(in 10 minutes)", "(5 minutes ago)", "15 minutes", "50 Mbps", "100 Mbps",
                      "Nothing about it looks odd"):
            self.assertIn(words, out)

    def test_it_may_come_with_blanks_and_from_standard_input(self):
        token = self.mint()
        self.assertIn("alice", self.inspect(f"  {token} \n"))
        self.assertEqual(run("inspect", stdin=f" {token}\n\n")[0], 0)
        self.assertEqual(run("inspect", "-", stdin="x" * 70000)[0], 2)

    def test_what_is_odd_is_said(self):
        for arguments, now, words in (
                ((), "2026-11-15T20:00:01Z", "expired"),
                (("--ttl", "7200"), NOW, "horizon_exceeded"),
                (("--ttl", "7200"), "2026-11-14T21:30:00Z", "longer than the master's longest"),
                (("--nbf-rfc3339", "2026-11-14T20:10:00Z"), NOW, "not valid yet"),
                (("--nbf-rfc3339", "2026-11-14T20:15:00Z"), NOW, "ends before it begins"),
                (("--iat-rfc3339", "2026-11-14T20:10:00Z"), NOW, "issued in the future"),
                (("--without", "iat_rfc3339"), NOW, "does not say when it was issued"),
                (("--without", "iat_rfc3339", "--without", "nbf_rfc3339"), NOW, "it does not say"),
                (("--without", "rid"), NOW, "wrong_relay"),
                (("--without", "kid"), NOW, "names no key"),
                (("--soft-kbps", "1"), NOW, "soft limit of 1 kbps, which counts as 1000"),
                (("--soft-kbps", "2500", "--hard-kbps", "1000"), NOW,
                 "hard limit of 1000 kbps, which counts as 2500"),
                (("--extra", '"x": 1, "y": {}'), NOW, "2 of its members")):
            with self.subTest(words):
                out = self.inspect(self.mint(*arguments), now)
                self.assertIn(words, out)
                self.assertIn("What is odd", out)

    def test_time_is_told_in_units_people_use(self):
        token = self.mint()
        for now, words in (("2026-11-14T20:15:00Z", "(now)"),
                           ("2026-11-14T20:14:59.999Z", "(in 1 millisecond)"),
                           ("2026-11-17T21:16:00Z", "(3 days 1 hour ago)"),
                           ("2026-11-14T20:13:58Z", "(in 1 minute 2 seconds)")):
            self.assertIn(words, self.inspect(token, now))

    def test_a_footer_is_shown(self):
        self.assertIn("hello there", self.inspect(self.mint("--footer", "hello there")))

    def test_what_would_move_the_cursor_is_shown_harmless(self):
        out = self.inspect(self.mint("--sub", "a\u001b[2Jb\u202ec\u0085\u00e9\U0001f600"))
        self.assertIn("a\\u001b[2Jb\\u202ec\\u0085\u00e9\U0001f600", out)
        self.assertNotIn("\u001b", out)

    def test_bytes_that_are_no_text_are_shown_harmless(self):
        payload = self.secret + ".payload"
        with open(payload, "wb") as file:
            file.write(b"\xff\xc3 \xed\xa0\x80 \xc0\x80 \xf5 \xf0\x9f ok")
        code, token, _ = run("mint", "--key-file", self.secret, "--payload", payload, "--force")
        self.assertEqual(code, 0)
        out = self.inspect(token.strip(), code=1)
        self.assertIn("\\xff\\xc3 \\xed\\xa0\\x80 \\xc0\\x80 \\xf5 \\xf0\\x9f ok", out)
        self.assertIn("malformed_claims", out)

    def test_what_is_no_lease_is_told_why(self):
        for arguments, words in ((("--without", "sub", "--without", "exp_rfc3339"),
                                  "lacks: sub exp_rfc3339"),
                                 (("--without", "sid", "--without", "role"), "lacks: sid role"),
                                 (("--sub", " "), "one has the wrong type"),
                                 (("--extra", '"sub": "twice"'), "not one strict JSON object")):
            out = self.inspect(self.mint(*arguments, "--force"), code=1)
            self.assertIn(words, out)
        self.assertIn("malformed_token", self.inspect("v4.local.AAAA", code=1))

    def test_wrong_usage_is_told(self):
        for arguments in (["--now", "x"], ["a", "b"], ["--what"]):
            code, out, errors = run("inspect", *arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("wavry-lease inspect", errors)


class Help(unittest.TestCase):
    def test_every_command_explains_itself(self):
        for command in ("keygen", "mint", "inspect", "verify"):
            code, out, errors = run(command, "--help")
            self.assertEqual((code, errors), (0, ""))
            self.assertTrue(out.startswith(f"Usage: wavry-lease {command}"))
            self.assertIn("Exit code", out)
            self.assertLessEqual(max(map(len, out.splitlines())), 100)
        for arguments in (["--help"], ["help"]):
            self.assertEqual(run(*arguments)[0], 0)

    def test_an_unknown_command_is_wrong_usage(self):
        self.assertEqual(run("frobnicate")[0], 2)
        self.assertIn("frobnicate", run("frobnicate")[2])
        self.assertEqual(run()[0], 2)


if __name__ == "__main__":
    DATA = sys.argv.pop()
    BINARY = sys.argv.pop()
    unittest.main()
