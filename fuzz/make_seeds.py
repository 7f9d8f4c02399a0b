#!/usr/bin/env python3
"""make_seeds.py WAVRY_LEASE [TARGET...]: writes the named seeds of the corpora.

A seed's name says what it is. Seeds of parsers come from the protocol's vectors (tests/data), those
of models are short stories, told as lists of actions. What a campaign finds is called found-... and is
left alone. Run it after a target's form of input has changed; the result is committed.
"""
import datetime
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MINT = "wavry-lease"


def write(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def vectors(name):
    with open(os.path.join(ROOT, "tests", "data", name), encoding="utf-8") as file:
        return json.load(file)["cases"]


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# ---- RIFT and datagrams -------------------------------------------------------------------------

SESSION = bytes.fromhex("c76893ddb31842e7a0ab0f4627287e29")
COOKIE = bytes(range(0xc0, 0xd0))


def kermit(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def transport(alias, packet_id):
    head = b"RI" + struct.pack(">HIQ", 1, alias, packet_id)
    return head + struct.pack(">H", kermit(head))


def handshake(session, packet_id):
    head = b"RI" + struct.pack(">H", 1) + session + struct.pack(">Q", packet_id)
    return head + struct.pack(">H", kermit(head))


RIFT = {
    "message-1": handshake(bytes(16), 0) + bytes(32),
    "message-3": transport(1, 0) + bytes(64),
    "hello": transport(1, 1) + bytes(59),
    "alias-2-id-0": transport(2, 0) + bytes(8),
    "handshake-of-a-session": handshake(bytes(4) + bytes(range(12)), 7),
    "handshake-id-not-0": handshake(bytes(16), 9),
    "transport-header-alone": transport(5, 1 << 63),
    "alias-0-too-short-for-a-handshake": transport(0, 3) + bytes(10),
    "alias-0-one-byte-short-of-a-handshake": transport(0, 3) + bytes(11),
    "wrong-checksum": transport(1, 1)[:-1] + b"\0",
    "wrong-version": b"RI\0\2" + transport(1, 1)[4:],
    "cut-off": transport(1, 1)[:17],
    "two-bytes": b"RI",
}


def header(kind, flags=0, session=SESSION):
    return bytes([0x57, 1, kind, flags]) + session


def datagram_seeds():
    for case in vectors("datagrams.json"):
        write("datagram", slug(case["name"]), bytes.fromhex(case["hex"]))
    for name, data in RIFT.items():
        write("datagram", "forward-rift-" + name, header(16) + data)
    token = b"v4.public.abc"
    lease = b"\1" + struct.pack(">H", len(token)) + token
    write("datagram", "present-role-2", header(1) + b"\2" + lease[1:])
    write("datagram", "present-token-up-to-the-cookie", header(1, 1) + lease + COOKIE)
    write("datagram", "present-token-into-the-cookie",
          header(1, 1) + b"\0" + struct.pack(">H", len(token) + 16) + token + COOKIE)
    write("datagram", "renew-bare-with-cookie", header(4, 1) + COOKIE)
    write("datagram", "release", header(4, 3) + COOKIE)
    write("datagram", "release-without-cookie", header(4, 2))
    write("datagram", "release-with-token", header(4, 3) + lease + COOKIE)
    write("datagram", "ack-with-cookie-while-draining",
          header(2, 3) + struct.pack(">QII", 1794657600000, 50000, 100000) + COOKIE)
    write("datagram", "reject-rate-limited-with-cookie", header(3, 1) + b"\0\6" + COOKIE)
    write("datagram", "forward-of-1500-bytes", header(16, 0x80) + bytes(1480))
    write("datagram", "forward-of-1501-bytes", header(16) + bytes(1481))
    write("datagram", "bare-message-1", RIFT["message-1"])


def rift_seeds():
    for name, data in RIFT.items():
        write("rift", name, data)


# ---- Times, JSON, claims ------------------------------------------------------------------------

TIMES = {
    "master-nanoseconds": "2026-11-14T20:09:32.883000000+00:00",
    "utc": "2026-11-14T20:09:44.883Z",
    "no-fraction": "2026-11-14T20:09:44Z",
    "one-digit": "2026-11-14T20:09:44.8Z",
    "epoch": "1970-01-01T00:00:00Z",
    "before-the-epoch-in-utc": "1970-01-01T00:30:00+00:31",
    "end-of-9999": "9999-12-31T23:59:59.999Z",
    "behind-9999-in-utc": "9999-12-31T23:59:59.999-00:01",
    "leap-day-2000": "2000-02-29T12:00:00Z",
    "no-leap-day-2100": "2100-02-29T12:00:00Z",
    "day-before-no-leap-day-2100": "2100-02-28T12:00:00Z",
    "leap-day-2024": "2024-02-29T23:59:59+05:30",
    "leap-second": "2016-12-31T23:59:60Z",
    "offset-23-59": "2026-01-01T00:00:00-23:59",
    "offset-24-00": "2026-01-01T00:00:00+24:00",
    "lower-case": "2026-11-14t20:09:44z",
    "blank-instead-of-t": "2026-11-14 20:09:44Z",
    "dot-without-digits": "2026-11-14T20:09:44.Z",
    "thirtieth-of-february": "2026-02-30T00:00:00Z",
    "month-13": "2026-13-01T00:00:00Z",
    "cut-off": "2026-11-14T20:09:4",
    "something-behind": "2026-11-14T20:09:44Z ",
}

DOCUMENTS = {
    "empty-object": "{}",
    "flat": '{"a":1,"b":"two","c":true,"d":null,"e":-0.5e+3}',
    "nested": '{"a":{"b":{"c":[1,[2,{"d":"x"}]]}}}',
    "array": '[1, 2 ,3]',
    "alone": '"text"',
    "escapes": r'{"\u0061":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000"}',
    "twins": '{"a":1,"a":2}',
    "twins-one-escaped": r'{"a":1,"b":2,"\u0061":3}',
    "twins-in-different-objects": '{"a":{"x":1},"b":{"x":1}}',
    "half-a-surrogate": r'"\ud83d"',
    "halves-turned-round": r'"\ude00\ud83d"',
    "leading-zero": '{"a":01}',
    "minus-zero": '-0',
    "largest-u32": '{"a":4294967295,"b":4294967296}',
    "fraction-without-digits": '1.',
    "exponent-without-digits": '1e+',
    "depth-16": "[" * 16 + "]" * 16,
    "depth-17": "[" * 17 + "]" * 17,
    "comma-too-many": '{"a":1,}',
    "comma-missing": '{"a":1"b":2}',
    "colon-missing": '{"a" 1}',
    "name-without-quotes": '{a:1}',
    "something-behind": '{} {}',
    "blanks-everywhere": ' \t\r\n{ "a" : [ ] , "b" : { } } \n',
    "control-character": '"\x01"',
    "many-members": "{" + ",".join(f'"{i}":{i}' for i in range(60)) + "}",
}
DOCUMENTS_RAW = {
    "utf-8-of-2-3-4-bytes": '{"é":"€😀"}'.encode(),
    "utf-8-overlong": b'"\xc0\xaf"',
    "utf-8-surrogate": b'"\xed\xa0\x80"',
    "utf-8-beyond-unicode": b'"\xf4\x90\x80\x80"',
    "utf-8-cut-off": b'"\xe2\x82"',
    "256-names-open": b"{" + b",".join(b'"%x":0' % i for i in range(256)) + b"}",
    "257-names-open": b"{" + b",".join(b'"%x":0' % i for i in range(257)) + b"}",
}


def rfc3339_seeds():
    for name, text in TIMES.items():
        write("rfc3339", name, text.encode())
    write("rfc3339", "number-of-a-day", struct.pack(">Q", 86400000))
    write("rfc3339", "number-of-a-leap-day", struct.pack(">Q", 951825600000))
    write("rfc3339", "number-behind-9999", struct.pack(">Q", 253402300800000))


def json_seeds():
    for name, text in DOCUMENTS.items():
        write("json", name, text.encode())
    for name, data in DOCUMENTS_RAW.items():
        write("json", name, data)


SID = "4ee35c39-ed02-4f65-966f-f347caa07e4c"
NOW = "2026-11-14T20:09:44.883Z"
NOW_MS = 1794686984883


def claims_text(**changes):
    """The payload of an honest lease with some members changed; None takes one out."""
    claims = {"sub": "alice@example.net", "sid": SID, "role": "client", "rid": "relay-1", "kid": "k1",
              "exp_rfc3339": "2026-11-14T20:24:44.883Z", "nbf_rfc3339": NOW, "iat_rfc3339": NOW,
              "slimit": 50000, "hlimit": 100000}
    claims.update(changes)
    return json.dumps({k: v for k, v in claims.items() if v is not None}).encode()


CLAIMS = {
    "honest": {},
    "bare-minimum": {"rid": None, "kid": None, "nbf_rfc3339": None, "iat_rfc3339": None,
                     "slimit": None, "hlimit": None},
    "exp-earlier-than-exp-rfc3339": {"exp": "2026-11-14T20:14:44.883Z"},
    "exp-later-than-exp-rfc3339": {"exp": "2026-11-14T20:54:44.883Z"},
    "iat-and-nbf-twice": {"iat": "2026-11-14T20:09:45Z", "nbf": "2026-11-14T20:09:30Z"},
    "expiry-at-issue": {"exp_rfc3339": NOW},
    "expiry-missing": {"exp_rfc3339": None},
    "hard-below-soft": {"slimit": 60000, "hlimit": 20000},
    "hard-below-default-soft": {"slimit": None, "hlimit": 20000},
    "soft-below-1000": {"slimit": 1, "hlimit": 5},
    "limit-of-32-bits": {"hlimit": 4294967295},
    "limit-beyond-32-bits": {"hlimit": 4294967296},
    "limit-as-text": {"slimit": "50000"},
    "limit-with-fraction": {"slimit": 50000.5},
    "sub-of-256": {"sub": "x" * 256},
    "sub-of-257": {"sub": "x" * 257},
    "sub-blank": {"sub": " \u2003\u3000"},
    "sub-with-nul": {"sub": "a\0b"},
    "sub-beyond-ascii": {"sub": "zoë😀"},
    "sid-upper-case": {"sid": SID.upper()},
    "sid-hyphen-elsewhere": {"sid": SID.replace("-ed02", "e-d02")},
    "sid-digit-missing": {"sid": SID[:-1] + "g"},
    "sid-first-digit-wrong": {"sid": "x" + SID[1:]},
    # Of so many bytes that the target writes them anew.
    "sub-to-be-escaped": {"sub": "a \"b\" \\ 34\n\u0001"},
    "sub-to-be-escaped-and-limits-left-out": {"sub": "\"\\\t456789", "slimit": None, "hlimit": None},
    "sub-of-escaped-256": {"sub": "\u0001" * 150},
    "sub-of-a-blank-and-a-letter": {"sub": "\u2003\u200b\u2028x"},
    "sid-nil": {"sid": "00000000-0000-0000-0000-000000000000"},
    "sid-without-hyphens": {"sid": SID.replace("-", "")},
    "role-unknown": {"role": "Client"},
    "rid-too-long": {"rid": "r" * 257},
    "rid-with-nul": {"rid": "relay-1\0"},
    "kid-of-255": {"kid": "k" * 255},
    "kid-of-256": {"kid": "k" * 256},
    "null-role": {"role": None, "other": None},
    "unknown-members": {"wavry_id": "alice", "deep": [[{"a": []}]]},
    "server": {"role": "server"},
    "not-yet-valid": {"nbf_rfc3339": "2026-11-14T20:10:15Z"},
    "issued-in-future": {"iat_rfc3339": "2026-11-14T20:10:15Z"},
    "expired": {"exp_rfc3339": "2026-11-14T20:09:00Z", "iat_rfc3339": "2026-11-14T20:00:00Z",
                "nbf_rfc3339": None},
    "horizon-exactly": {"exp_rfc3339": "2026-11-14T21:10:14.883Z"},
    "horizon-exceeded": {"exp_rfc3339": "2026-11-14T21:10:14.884Z"},
    "other-relay": {"rid": "relay-2"},
    "other-kid": {"kid": "k2"},
    "no-kid": {"kid": None},
    "other-session": {"sid": SID.replace("4ee3", "4ee4")},
}


def payload_of(token):
    import base64
    body = token.split(".")[2]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[:-64]


def claims_seeds():
    for name, changes in CLAIMS.items():
        write("claims", name, claims_text(**changes))
    write("claims", "exp-first-then-later", claims_text(
        exp_rfc3339=None, exp="2026-11-14T20:14:44Z", other=1).replace(
            b'"other": 1', b'"exp_rfc3339": "2026-11-14T20:54:44Z"'))
    write("claims", "no-object", b"[]")
    for name in ("exp_rfc3339", "nbf_rfc3339", "iat_rfc3339"):
        text = json.loads(claims_text())[name]
        write("claims", name.split("_")[0] + "-with-escapes",
              claims_text().replace(text.encode(), text.replace("-", r"\u002d").encode()))
    write("claims", "exp-of-escapes-alone", claims_text().replace(
        b'"2026-11-14T20:24:44.883Z"', b'"' + b"\\u0032" * 40 + b'"'))
    write("claims", "limit-as-array", claims_text().replace(b"50000", b"[1]"))
    for case in vectors("real-master-leases.json"):
        write("claims", "real-master-" + slug(case.get("name", case["role"])),
              payload_of(case["token"]))


# ---- Leases -------------------------------------------------------------------------------------

def terms(flags=0, relay=0, skew=30, now_ms=NOW_MS, session=SID):
    return (bytes([flags, relay, skew]) + struct.pack(">Q", now_ms) +
            bytes.fromhex(session.replace("-", "")))


def minted(payload, key=1, footer=None):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "payload"), "wb") as file:
            file.write(payload)
        with open(os.path.join(folder, "key"), "w", encoding="ascii") as file:
            file.write("k1:" + f"{key:02x}" * 32 + "\n")
        command = [MINT, "mint", "--key-file", file.name, "--payload",
                   os.path.join(folder, "payload"), "--force"]
        if footer is not None:
            command += ["--footer", footer]
        return subprocess.run(command, check=True, capture_output=True).stdout.strip()


def unix_ms(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


NAMELESS, BOTH, TWINS, STRICT, SERVER, JUDGED = 8, 16, 24, 1, 2, 4


def lease_seeds():
    for name, changes in CLAIMS.items():
        payload = claims_text(**changes)
        if len(payload) <= 1036:
            write("lease", name, terms() + minted(payload))
    honest = claims_text()
    write("lease", "with-footer", terms() + minted(honest, footer="kid:k1"))
    write("lease", "strict-wrong-role", terms(STRICT | SERVER) + minted(honest))
    write("lease", "strict-right-role", terms(STRICT) + minted(honest))
    write("lease", "signed-by-the-nameless-key", terms(BOTH) + minted(honest, 2))
    write("lease", "nameless-key-alone", terms(NAMELESS) + minted(honest, 2))
    write("lease", "no-kid-nameless-key", terms(NAMELESS) + minted(claims_text(kid=None), 2))
    write("lease", "signed-by-the-newer-twin", terms(TWINS) + minted(honest, 3))
    write("lease", "signed-by-the-older-twin", terms(TWINS) + minted(honest, 1))
    write("lease", "signed-by-a-stranger", terms() + minted(honest, 9))
    write("lease", "bound-token-after-its-time",
          terms(JUDGED, now_ms=NOW_MS + 7200000) + minted(honest))
    write("lease", "last-millisecond", terms(skew=0, now_ms=NOW_MS + 899999) + minted(honest))
    write("lease", "first-millisecond-too-late", terms(skew=0, now_ms=NOW_MS + 900000) + minted(honest))
    token = minted(honest)
    write("lease", "footer-empty", terms() + token + b".")
    write("lease", "padded", terms() + token + b"=")
    write("lease", "wrong-header", terms() + token.replace(b"public", b"Public"))
    write("lease", "header-alone", terms() + b"v4.public.")
    write("lease", "last-character-loose", terms() + minted(claims_text(sub="alice"))[:-1] + b"B")
    for case in vectors("leases.json"):
        try:
            payload = payload_of(case["token"])
        except (ValueError, IndexError):
            write("lease", "vector-" + slug(case["name"]), terms() + case["token"].encode()[:1485])
            continue
        if len(payload) > 1036 or not payload:
            continue
        payload = payload.replace(case["relay_id"].encode(), b"relay-1")
        for key in case["keys"]:
            if key.get("kid"):
                payload = payload.replace(key["kid"].encode(), b"k1")
        write("lease", "vector-" + slug(case["name"]),
              terms(STRICT | (SERVER if case["role"] == "server" else 0), now_ms=unix_ms(case["now"]),
                    session=case["session_id"]) + minted(payload))


# ---- Models -------------------------------------------------------------------------------------

def act(tag, *body):
    data = b"".join(part if isinstance(part, bytes) else bytes([part]) for part in body)
    return bytes([tag, len(data)]) + data


def u16(value):
    return struct.pack(">H", value & 0xffff)


def u64(value):
    return struct.pack(">Q", value)


def span(scale, count=1, off=0):
    return bytes([scale, count | (64 if off > 0 else 128 if off < 0 else 0)])


SECOND, TWO_SECONDS, HOUR = 9, 10, 15


def story(target, name, *actions, before=b""):
    write(target, name, before + b"".join(actions))


def cursor_seeds():
    take, last, u8, u16_, u32, u64_, put = range(7)
    story("cursor", "reads-to-the-end", act(u8), act(u16_), act(u32), act(u64_), before=b"\x0f")
    story("cursor", "runs-out-in-a-number", act(u64_), act(u16_), act(u8), before=b"\x05")
    story("cursor", "runs-out-then-smaller", act(take, 3), act(u32), act(u8), before=b"\x06")
    story("cursor", "takes-from-both-ends", act(last, 4), act(take, 4), act(u8), before=b"\x08")
    story("cursor", "last-runs-out", act(last, 9), act(u8), before=b"\x08")
    story("cursor", "writes-to-the-end", act(put, b"abc"), act(8, u16(1)), act(7, 9), before=b"\x06")
    story("cursor", "writer-runs-out", act(put, b"abcd"), act(10, u64(1)), act(7, 9), before=b"\x06")
    story("cursor", "nothing-to-read", act(take, 0), act(u8), before=b"\0")


def replay_seeds():
    near, rift, far, wait, reset, restore, ahead, any_ = range(8)
    story("replay", "in-order", *[act(near, u16(1), 0)] * 5)
    story("replay", "a-repeat", act(near, u16(1), 0), act(near, u16(0), 0))
    story("replay", "rift-passes-three-times", act(rift, u16(1), 0), *[act(rift, u16(0), 0)] * 4)
    story("replay", "edges-behind", act(near, u16(1024), 0), act(near, u16(1024), 0),
          act(near, u16(-1023), 0), act(near, u16(-1024), 0), act(near, u16(-1025), 0))
    story("replay", "edges-ahead", act(near, u16(5), 0), act(near, u16(1024), 0),
          act(near, u16(1025), 0))
    story("replay", "a-jump-confirmed", act(near, u16(3), 0), act(near, u16(20000), 0),
          act(far, u16(1), 0), act(far, u16(1), 0), act(near, u16(1), 0))
    story("replay", "a-jump-of-twins", act(near, u16(20000), 0), act(far, u16(1), 0),
          act(far, u16(0), 0), act(far, u16(-1), 0))
    story("replay", "a-jump-too-late", act(near, u16(20000), 0), act(far, u16(1), 0),
          act(wait, span(TWO_SECONDS)), act(far, u16(1), 0))
    story("replay", "a-jump-just-in-time", act(near, u16(20000), 0), act(far, u16(1), 0),
          act(wait, span(TWO_SECONDS, 1, -1)), act(far, u16(1), 0))
    story("replay", "a-jump-disproved", act(near, u16(1), 0), act(near, u16(20000), 0),
          act(far, u16(1), 0), act(near, u16(1), 0), act(far, u16(1), 0))
    story("replay", "another-jump", act(near, u16(20000), 0), act(near, u16(30000), 0),
          act(far, u16(1), 0), act(far, u16(1), 0))
    story("replay", "refused-top", act(any_, u64(2**64 - 8192)), act(any_, u64(2**64 - 8193)))
    story("replay", "restored", act(near, u16(9), 0), act(restore, 0, u64(100)),
          act(near, u16(0), 0), act(near, u16(1), 0))
    story("replay", "restored-empty", act(near, u16(9), 0), act(restore, 1), act(near, u16(0), 0))
    story("replay", "restored-at-the-top", act(restore, 0, u64(2**64 - 8193)), act(near, u16(1), 0))
    story("replay", "emptied", act(near, u16(9), 0), act(reset), act(near, u16(9), 0))
    story("replay", "rule-2-near", act(near, u16(9), 0), act(ahead, 0, u16(1024)),
          act(ahead, 0, u16(0)))
    story("replay", "rule-2-by-a-jump", act(near, u16(9), 0), act(ahead, 0, u16(5000)),
          act(ahead, 0, u16(5001)), act(ahead, 0, u16(5002)))
    story("replay", "dropped-after-its-check", act(near, u16(1), 1), act(near, u16(1), 0))


def table_seeds():
    add, remove, bind, unbind, state, schedule, reschedule, find = range(8)
    story("table", "a-session-comes-and-goes", act(add, 1), act(bind, 1, 0), act(bind, 1, 3),
          act(state, 1, 1), act(remove, 1))
    story("table", "full", *[act(add, i) for i in range(14)])
    story("table", "one-address-in-two-sessions", act(add, 1), act(add, 2), act(bind, 1, 0),
          act(bind, 2, 0), act(state, 1, 1), act(state, 2, 1), act(unbind, 1, 0))
    story("table", "one-address-in-both-seats", act(add, 1), act(bind, 1, 0), act(bind, 1, 1),
          act(state, 1, 1))
    story("table", "equal-deadlines", act(add, 3), act(add, 1), act(reschedule, 1, 5),
          act(reschedule, 3, 5))
    story("table", "equal-deadlines-in-a-slot-used-again", act(add, 1), act(add, 2), act(remove, 1),
          act(add, 3), act(reschedule, 2, 5), act(reschedule, 3, 5))
    story("table", "ids-that-share-a-head", *[act(add, i) for i in range(8, 20)],
          *[act(remove, i) for i in range(8, 20)])
    story("table", "heap-of-ten", *[act(add, i) for i in range(10)],
          *[act(reschedule, i, (i * 7) % 10) for i in range(10)],
          *[act(remove, i) for i in range(10)])
    story("table", "the-hole-s-filler-rises", *[act(add, i) for i in range(11)],
          *[act(reschedule, i, d) for i, d in enumerate((1, 50, 2, 3, 4, 60, 61, 62, 63, 5, 6))],
          act(remove, 6), act(remove, 5))
    story("table", "only-an-earlier-deadline-counts", act(add, 1), act(schedule, 1, 9),
          act(schedule, 1, 20), act(schedule, 1, 3), act(reschedule, 1, 255))
    story("table", "an-outdated-hint", act(add, 1), act(remove, 1), act(add, 2), act(find, 1, 0))


def bucket_seeds():
    use, wait, long, draw, rate, reject, opens, closes, shared, known, ask, forget = range(12)
    good, bad = 0, 1
    story("bucket", "five-names-in-one-set", *[act(use, 0, i) for i in range(5)], act(use, 0, 0),
          act(use, 0, 4))
    story("bucket", "the-least-recently-used-goes", *[act(use, 1, i) for i in range(4)],
          act(use, 1, 0), act(use, 1, 9), act(use, 1, 1))
    story("bucket", "burst-and-no-more", *[act(use, 0, 0)] * 7)
    story("bucket", "one-a-second", act(rate, 1, 0), act(use, 0, 0), act(use, 0, 0),
          act(wait, span(SECOND)), act(use, 0, 0))
    story("bucket", "a-nanosecond-early", act(rate, 1, 0), act(use, 0, 0),
          act(wait, span(SECOND, 1, -1)), act(use, 0, 0), act(wait, span(1)), act(use, 0, 0))
    story("bucket", "off", act(rate, 0, 0), *[act(use, 0, 0)] * 3)
    story("bucket", "rejects-apart", act(reject, 0, 0), act(reject, 0, 0), act(use, 0, 0))
    story("bucket", "bytes", *[act(draw, u16(1200), struct.pack(">I", 1000))] * 30,
          act(wait, span(6, 5)), act(draw, u16(1200), struct.pack(">I", 1000)))
    story("bucket", "sessions-of-all-relays", *[act(opens, 3)] * 5, act(closes, 2), act(opens, 2),
          act(opens, 2), act(closes, 9), act(opens, 0))
    story("bucket", "what-all-relays-share", *[act(shared, i, struct.pack(">I", 90000000))
                                               for i in (0, 0, 0, 1, 2, 0)],
          act(wait, span(6)), act(shared, 0, struct.pack(">I", 90000000)))
    story("bucket", "a-token-is-known", act(known, good, u16(5)), act(ask, good, u16(5)),
          act(ask, bad, u16(5)), act(known, bad, u16(6)), act(ask, bad, u16(6)), act(forget),
          act(ask, good, u16(5)), act(ask, bad, u16(6)))
    for name, store in (("good", good), ("bad", bad)):
        story("bucket", f"more-{name}-tokens-than-there-is-room-for", act(known, store, u16(0), u16(4095)),
              act(ask, store, u16(0)), act(ask, store, u16(7)), act(known, store, u16(5000), u16(3)),
              act(ask, store, u16(0)), act(ask, store, u16(1)), act(ask, store, u16(5)),
              act(ask, store, u16(7)), act(ask, store, u16(5003)), act(known, store, u16(3)))
    story("bucket", "after-a-long-time", act(use, 0, 0), act(long, b"\xff" * 5), act(use, 0, 0))
    story("bucket", "an-odd-rate", act(rate, 9, 3), *[act(use, 2, 7)] * 5)


def keyring_seeds():
    add, revoke, wait, expire, select, long = range(6)
    learned, pinned, initial = range(3)
    story("keyring", "rotation", act(add, 1, 1, learned), act(add, 2, 2, learned), act(select, 1),
          act(wait, span(HOUR)), act(wait, span(13)), act(expire), act(select, 1))
    story("keyring", "the-same-kid-with-other-bytes", act(add, 1, 1, learned),
          act(add, 2, 1, learned), act(select, 1))
    story("keyring", "three-of-one-kid", *[act(add, i, 4, learned) for i in range(3)],
          act(select, 4))
    story("keyring", "one-without-a-kid", act(add, 1, 0, learned), act(add, 2, 0, learned),
          act(add, 3, 3, learned), act(select, 0), act(select, 3))
    story("keyring", "a-pinned-one-without-a-kid-stays", act(add, 1, 0, pinned),
          act(add, 2, 0, learned))
    story("keyring", "full-of-pinned-keys", *[act(add, i, i + 1, pinned) for i in range(8)],
          act(add, 9, 9, learned))
    story("keyring", "full-and-the-first-to-leave-goes",
          *[act(add, i, i + 1, learned) + act(wait, span(SECOND)) for i in range(8)],
          act(add, 9, 9, learned))
    story("keyring", "superseded-twice", act(add, 1, 1, learned), act(add, 2, 2, learned),
          act(wait, span(13, 5)), act(add, 3, 3, learned), act(wait, span(HOUR)),
          act(wait, span(13)), act(expire))
    story("keyring", "named-again", act(add, 1, 1, learned), act(add, 2, 2, learned),
          act(add, 1, 1, learned), act(select, 1), act(select, 2))
    story("keyring", "revoked", act(add, 1, 1, pinned), act(add, 1, 2, learned), act(revoke, 1),
          act(add, 1, 3, learned), act(select, 1))
    story("keyring", "initial-makes-none-old", act(add, 1, 1, learned), act(add, 2, 2, initial),
          act(add, 3, 3, learned))
    story("keyring", "a-pinned-one-retires", act(add, 1, 1, pinned), act(add, 2, 2, learned), act(6, 1),
          act(wait, span(HOUR)), act(wait, span(13)), act(expire))
    story("keyring", "another-skew", act(add, 1, 1, learned), act(7, 90), act(add, 2, 2, learned),
          act(wait, span(HOUR)), act(wait, span(13, 3)), act(expire))
    story("keyring", "no-room-for-revoked-keys", act(add, 1, 1, learned), act(add, 2, 2, learned),
          act(8, 255), act(revoke, 1), act(revoke, 2), act(revoke, 1), act(8, 1),
          act(add, 1, 1, learned), act(add, 2, 2, learned))
    story("keyring", "strangers-without-end", *[act(8, 255)] * 258)
    story("keyring", "kid-of-256", act(long, 0), act(long, 1))


def deadlines_seeds():
    join, rejoin, leave, out, hold, wait, to, late, start, session, crowd = range(11)
    first, second, key_wait = range(3)
    story("deadlines", "first-queue-before-second", act(join, second, 1, 1, 0, 0),
          act(join, first, 2, 2, 1, 1), act(out), act(out), act(leave, 0), act(leave, 1))
    story("deadlines", "four-are-out", *[act(join, second, i % 4, i % 4, 0, i) for i in range(6)],
          *[act(out)] * 5, act(leave, 0), act(out))
    story("deadlines", "two-seconds-are-over", act(join, second, 1, 1), act(wait, span(TWO_SECONDS)),
          act(late))
    story("deadlines", "a-nanosecond-before", act(join, second, 1, 1),
          act(wait, span(TWO_SECONDS, 1, -1)), act(late), act(wait, span(1)), act(late))
    story("deadlines", "a-key-came-and-time-begins-anew", act(join, key_wait, 1, 1, 1),
          act(wait, span(SECOND)), act(rejoin, 0), act(to), act(wait, span(SECOND)), act(late),
          act(wait, span(SECOND)), act(late))
    story("deadlines", "a-third-datagram-finds-the-next-request", act(join, second, 1, 1),
          act(join, second, 1, 1, 0, 1), act(hold, 0), act(hold, 0), act(hold, 1))
    story("deadlines", "two-sources-under-one-head", act(join, second, 0, 0),
          act(join, second, 3, 1, 0, 1), act(join, second, 3, 1, 0, 2), act(hold, 1), act(hold, 1),
          act(leave, 0), act(leave, 2))
    story("deadlines", "two-requests-of-one-source", act(join, second, 1, 1),
          act(join, second, 1, 2, 0, 1), act(leave, 0))
    story("deadlines", "budget-of-one-a-second", act(start, u16(0)), act(join, first, 0, 0),
          act(join, first, 1, 0), act(out), act(out), act(to), act(out))
    story("deadlines", "equal-times-in-two-queues", act(join, second, 1, 1), act(join, first, 1, 1),
          act(wait, span(TWO_SECONDS)), act(late), act(late))
    story("deadlines", "a-session-waits",
          act(session, 0, span(13), span(13), u64(10**9), u64(2 * 10**9), 1, u64(5 * 10**9), 0,
              u64(0)))
    story("deadlines", "a-session-at-the-end-of-time",
          act(session, 1, span(HOUR), span(HOUR), u64(2**64 - 5), u64(2**64 - 5), 1, u64(2**64 - 1)))
    for name, queue in (("first", first), ("second", second)):
        story("deadlines", f"the-{name}-queue-is-full", *[act(crowd, queue, 255)] * 2,
              act(join, queue, 1, 1), act(leave, 31), act(join, queue, 1, 1), act(join, queue, 1, 1),
              act(out), act(join, queue, 2, 2), act(wait, span(TWO_SECONDS)), act(late),
              act(join, queue, 3, 3), act(join, queue, 3, 3))
        story("deadlines", f"a-key-came-and-the-{name}-queue-is-full",
              act(crowd, key_wait, 64, name == "first"), *[act(crowd, queue, 255)] * 2,
              act(join, key_wait, 1, 1, name == "first", 5), act(late),
              act(wait, span(TWO_SECONDS)), act(late), act(join, key_wait, 1, 1, name == "first", 5),
              act(rejoin, 5), act(out), act(rejoin, 5), act(rejoin, 5))
    story("deadlines", "every-place-is-taken", *[act(crowd, queue, 255) * 2 for queue in
                                                (first, second)], act(out) * 4,
          act(crowd, first, 255), act(crowd, key_wait, 255), act(join, second, 0, 0), act(leave, 0),
          act(join, key_wait, 0, 0))
    story("deadlines", "one-name-for-two", act(join, second, 1, 1), act(join, second, 2, 2),
          act(leave, 0), act(leave, 0))


# ---- The relay's texts --------------------------------------------------------------------------

KEY_A, KEY_B = "ab" * 32, "0123456789abcdefABCDEF0123456789" * 2

KEY_FILES = {
    "one-key": f"k1:{KEY_A}\n",
    "without-kid": f":{KEY_A}\n",
    "hex-alone": KEY_A,
    "kid-with-colons": f"a:b:c:{KEY_A}\n",
    "comments-and-blanks": f"# ours\n\n  k1:{KEY_A} # until autumn\n\t# more\n",
    "hash-in-a-kid": f"k#1:{KEY_A}\n",
    "quoted": f'"k 1:{KEY_A}" # with a blank\n',
    "quote-escapes": f'"k\\"1\\\\:{KEY_A}"\n',
    "quote-open": f'"k1:{KEY_A}\n',
    "revoked": f"revoke {KEY_A}\nrevoke\t{KEY_B}\n",
    "revoked-and-a-long-comment": f"revoke {KEY_A}\n# lost with the laptop in spring, and with it all that it had signed\n",
    "revoked-twice": f"revoke {KEY_A}\nrevoke {KEY_A.upper()}\n",
    "revoked-and-pinned": f"k1:{KEY_A}\nrevoke {KEY_A}\n",
    "revoke-without-a-key": "revoke\n",
    "revoke-of-63-digits": f"revoke {KEY_A[1:]}\n",
    "two-without-kid": f":{KEY_A}\n:{KEY_B}\n",
    "the-same-twice": f"k1:{KEY_A}\nk1:{KEY_A}\n",
    "one-kid-two-keys": f"k1:{KEY_A}\nk1:{KEY_B}\n",
    "eight": "".join(f"k{i}:{KEY_A}\n" for i in range(8)),
    "nine": "".join(f"k{i}:{KEY_A}\n" for i in range(9)),
    "windows-lines": f"k1:{KEY_A}\r\nk2:{KEY_B}\r\n",
    "byte-order-mark": f"\ufeffk1:{KEY_A}\n",
    "kid-of-255": "k" * 255 + f":{KEY_A}\n",
    "kid-of-256": "k" * 256 + f":{KEY_A}\n",
    "kid-beyond-ascii": f"schlüssel:{KEY_A}\n",
    "kid-with-a-control-character": f"k\u0085:{KEY_A}\n",
}

CONFIGS = {
    "a-few-settings": "max-sessions = 200\nlisten = 0.0.0.0:4000\nlog-level = debug\n",
    "comments": "# relay\nmax-sessions = 5 # few\n\n#idle-timeout = 9\n",
    "hash-in-a-value": "region = eu#1\n",
    "quoted": 'region = "north # west" # here\nstate-dir = "/var/lib/a \\"b\\""\n',
    "empty-value": "region =\n",
    "unknown-option": "max-session = 5\n",
    "an-action": "check-config = true\n",
    "twice": "workers = 1\nworkers = 2\n",
    "repeatable": f"key = k1:{KEY_A}\nkey = k2:{KEY_B}\n",
    "a-secret": "master-auth-token = s3cret-t0ken\n",
    "a-secret-that-is-wrong": "master-auth-token = \"s3cret t0ken\"\n",
    "no-equals": "max-sessions 5\n",
    "no-name": "= 5\n",
    "switches": "gro = off\ngso = on\nstandalone = yes\nbare-rift = off\n",
    "words-for-numbers": "workers = auto\ndscp = off\nverify-rate = auto\n",
    "out-of-range": "load-shed-threshold-pct = 101\n",
    "addresses": "listen = [::]:4000\nhealth-listen = 127.0.0.1:9091\nadvertise = 192.0.2.1:4000\n",
    "urls": "master-url = https://master.example.net:8443/base\n",
    "choices": "role-policy = strict\npassive-rebind = same-ip\nlog-format = json\n",
    "windows-lines": "workers = 1\r\nasn = 64500\r\n",
    "quote-open": 'region = "x\n',
    "something-behind-a-quote": 'region = "x" y\n',
    "a-backslash-before-a-letter": 'region = "a\\n"\n',
}

NUMBERS = "[" + ",".join(str(i * 7 % 256) for i in range(32)) + "]"
ANSWERS = {
    "registered": (0, '{"heartbeat_interval_ms":5000,"master_public_key":%s,"master_key_id":"k1"}' % NUMBERS),
    "registered-without-kid": (0, '{"heartbeat_interval_ms":500,"master_public_key":%s}' % NUMBERS),
    "registered-kid-null": (0, '{"master_key_id":null,"master_public_key":%s,"heartbeat_interval_ms":1}' % NUMBERS),
    "key-of-31-numbers": (0, '{"heartbeat_interval_ms":5000,"master_public_key":[%s]}' % ",".join("1" * 31)),
    "key-of-33-numbers": (0, '{"heartbeat_interval_ms":5000,"master_public_key":[%s]}' % ",".join("1" * 33)),
    "key-with-256": (0, '{"heartbeat_interval_ms":5000,"master_public_key":[256]}'),
    "interval-of-64-bits": (0, '{"heartbeat_interval_ms":18446744073709551615,"master_public_key":%s}' % NUMBERS),
    "interval-beyond-64-bits": (0, '{"heartbeat_interval_ms":18446744073709551616,"master_public_key":%s}' % NUMBERS),
    "interval-with-fraction": (0, '{"heartbeat_interval_ms":5000.0,"master_public_key":%s}' % NUMBERS),
    "interval-missing": (0, '{"master_public_key":%s}' % NUMBERS),
    "unknown-members": (0, '{"x":[{"y":[[]]}],"heartbeat_interval_ms":5000,"master_public_key":%s}' % NUMBERS),
    "heartbeat-ok": (1, '{"ok":true}'),
    "heartbeat-not-ok": (1, '{"ok":false}'),
    "heartbeat-ok-as-text": (1, '{"ok":"true"}'),
    "heartbeat-ok-twice": (1, '{"ok":true,"ok":true}'),
    "key": (2, '{"public_key":"%s","key_id":"k1","version":1}' % KEY_B),
    "key-of-63-digits": (2, '{"public_key":"%s","key_id":"k1"}' % KEY_A[1:]),
    "key-with-escaped-digits": (2, '{"public_key":"\\u0061b%s","key_id":"k1"}' % KEY_A[2:]),
    "kid-with-nul": (2, '{"public_key":"%s","key_id":"k1\\u0000"}' % KEY_A),
    "kid-of-256": (2, '{"public_key":"%s","key_id":"%s"}' % (KEY_A, "k" * 256)),
    "kid-as-number": (2, '{"public_key":"%s","key_id":1}' % KEY_A),
    "no-object": (2, '[]'),
    "page-of-a-proxy": (1, '<html><body>502 Bad Gateway</body></html>'),
    "nothing": (1, ''),
}


def key_file_seeds():
    for name, text in KEY_FILES.items():
        write("key_file", name, text.encode())
    write("key_file", "no-utf-8", b"k\xff:" + KEY_A.encode())


def config_seeds():
    for name, text in CONFIGS.items():
        write("config", name, text.encode())


def answers_seeds():
    for name, (kind, text) in ANSWERS.items():
        write("answers", name, bytes([kind]) + text.encode())
    # What else is the case: a status in the place of the answer's, which keys are pinned, a drain.
    statuses = ("bad-request unauthorized forbidden not-found other garbage unreachable "
                "timed-out").split()
    for kind, name in enumerate(("register", "heartbeat", "key")):
        for status, word in enumerate(statuses, 1):
            write("answers", f"to-{name}-{word}", bytes([kind + 3 * status]))
    for status, word in enumerate(statuses, 1):
        write("answers", f"to-a-change-{word}", bytes([3 * (9 * 3 + status)]))
    for pinned, word in enumerate(("nothing-pinned", "another-pinned", "the-same-pinned")):
        for drain in (0, 1):
            terms = 9 * (pinned + 3 * drain)
            what = word + ("-while-draining" if drain else "")
            for name in ("registered", "heartbeat-ok", "key"):
                kind, text = ANSWERS[name]
                write("answers", f"{name}-{what}", bytes([kind + 3 * terms]) + text.encode())
            write("answers", f"forgotten-{what}", bytes([1 + 3 * (terms + 4)]))


# ---- Scenarios ----------------------------------------------------------------------------------

SCENARIOS = (
    "nat/mapping-expires-without-keepalives", "nat/carrier-nat-gives-old-port-to-another-tenant",
    "nat/phone-moves-from-wifi-to-mobile", "nat/copied-newer-token-overtakes-the-original",
    "lease/relay-clock-jumps-back-and-prolongs-nothing", "lease/lease-made-for-another-session",
    "lease/another-identity-cannot-take-a-role", "lease/idle-session-is-removed",
)

SMALL = """{"name": "small", "shows": "What every scenario must have.", "covers": ["PROTOCOL 3"],
 "duration": "30s", "peers": {"a": {"behaviour": "robust", "address": "192.0.2.1:5000"},
 "b": {"behaviour": "upstream", "address": "192.0.2.2:6000"}},
 "sessions": {"call": {"client": "a", "server": "b"}},
 "expect": [{"counter": "outcomes.forwarded", "at_least": 5, "at_most": 9}]}"""


ADDRESSES = {
    "dotted": ["192.0.2.1:5000", "0.0.0.0:1", "255.255.255.255:9", "224.0.0.1:5", "239.1.2.3:65535",
               "1.2.3.4:0", "[::ffff:192.0.2.1]:7", "[::ffff:c000:201]:7", "[::1.2.3.4]:7",
               "[1:2:3:4:5:6:1.2.3.4]:7", "[64:ff9b::192.0.2.33]:80"],
    "not-quite-dotted": ["192.0.2.1", "192.0.2:1", "192.0.2.256:1", "192.0.2.01:1", "192.0.2.1:65536",
                         "192.0.2.1:01", "192.0.2.1:", "1.2.3.4.5:6", "1.2.3.4:5 ", "+1.2.3.4:5",
                         "1,2.3.4:5", "12345678901.2.3.4:5", "1.2.3.4:12345678901",
                         "[1:2:3:4:5:6:7:1.2.3.4]:7", "[::1.2.3]:7", "[::1.2.3.400]:7",
                         "[::1.2.3.4:5]:7", "[::1234.2.3.4]:7"],
    "v6": ["[2001:db8::1]:9", "[2001:db8:0:0:1:0:0:1]:9", "[2001:db8:0:1:1:1:1:1]:9", "[::]:1",
           "[::1]:1", "[1::]:1", "[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7::]:1", "[::2:3:4:5:6:7:8]:1",
           "[0:0:1::]:1", "[1:0:0:2:0:0:0:3]:1", "[ABCD:EF01:2345:6789:aBcD::]:1", "[ff02::1]:5",
           "[0001:0010:0100:1000::]:1", "[::]:0"],
    "not-quite-v6": ["[2001:db8::1]", "[2001:db8::1:9", "[::1::]:1", "[:1]:1", "[1:]:1",
                     "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7]:1", "[12345::]:1", "[1:2:3:4:5:6:7:8:]:1",
                     "[1:2:3:4:5:6:7:8::]:1", "[g::]:1", "[]:1", "2001:db8::1:9", "[::1]9", "[::1]:x",
                     "[::1]:", "[::1]:1]", "[::1 ]:1", "[::1:]:1", "[1:2:3:4:5:6:7::8]:1"],
    "zones": ["[fe80::1%3]:9", "[fe80::1%0]:9", "[fe80::1%4294967295]:9", "[febf::%7]:9",
              "[fec0::%7]:9", "[2001:db8::1%3]:9", "[fe80::1%4294967296]:9", "[fe80::1%]:9",
              "[fe80::1%03]:9", "[fe80::1%eth0]:9", "[fe80::1%3%4]:9", "1.2.3.4%5:6"],
}


def scenario_seeds():
    for name, texts in ADDRESSES.items():
        write("scenario", "addresses-" + name,
              SMALL.replace('["PROTOCOL 3"]', json.dumps(texts)).encode())
    folder = os.path.join(ROOT, "scenarios")
    for name in SCENARIOS:
        with open(os.path.join(folder, name + ".json"), "rb") as file:
            write("scenario", os.path.basename(name), file.read())
    bad = os.path.join(ROOT, "tests", "data", "bad_scenarios")
    for name in sorted(os.listdir(bad)):
        if name.endswith(".json") and os.path.getsize(os.path.join(bad, name)) <= 1500:
            with open(os.path.join(bad, name), "rb") as file:
                write("scenario", "bad-" + name[:-5], file.read())
    write("scenario", "small", SMALL.encode())
    write("scenario", "twins-apart", SMALL.replace(
        '"duration"', '"seed": 1, "duration"').replace('"expect"', '"seed": 2, "expect"').encode())
    write("scenario", "group-of-sessions", SMALL.replace('"robust",', '"robust", "count": 3,').replace(
        '"upstream",', '"upstream", "count": 3,').replace(
        '"expect": [', '"expect": [{"session": "call-2", "state": "waiting"}, ').encode())
    write("scenario", "group", SMALL.replace('"robust",', '"robust", "count": 3,').replace(
        '"upstream",', '"upstream", "count": 3,').replace(
        '"expect": [', '"timeline": [{"at": "1s", "do": "peer_pause", "peer": "b-2", "for": "1s"}],'
        ' "expect": [').encode())
    write("scenario", "nul-behind-the-end", SMALL.encode() + b"\0")
    write("scenario", "nul-between-members", SMALL.encode().replace(b'"expect"', b'\0"expect"'))
    write("scenario", "nul-in-a-text", SMALL.encode().replace(b"every scenario", b"every\0scenario"))
    write("scenario", "nul-alone", b"\0")
    for count in ("100001", "2147483648", "4294967296", "1e300"):
        write("scenario", "count-of-" + count, SMALL.replace(
            '"robust",', f'"robust", "count": {count},').replace(
                '"upstream",', f'"upstream", "count": {count},').encode())
    write("scenario", "times-of-10001", SMALL.replace(
        '"expect": [', '"timeline": [{"at": "1s", "do": "peer_pause", "peer": "b", "for": "1us",'
        ' "every": "10us", "times": 10001}], "expect": [').encode())


ALL = {name[:-6]: function for name, function in list(globals().items()) if name.endswith("_seeds")}


def main():
    global MINT
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    MINT = sys.argv[1]
    for target in sys.argv[2:] or sorted(ALL):
        ALL[target]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
