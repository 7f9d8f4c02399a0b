"""What the reference model knows of leases: tokens, claims and the checks of section 2.

Signatures are libsodium's, through ctypes: that library is not what the model is to judge.
"""
import base64
import ctypes
import ctypes.util
import datetime
import json
import re
import uuid

NESTING_MAX = 16
HORIZON_MS = 3600 * 1000
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
HEADER = b"v4.public."
SIGNATURE_BYTES = 64


class Malformed(Exception):
    """The token's form or its claims' form is wrong; the argument is the verdict."""


def sodium():
    """libsodium, loaded once."""
    if not hasattr(sodium, "library"):
        names = [ctypes.util.find_library("sodium"), "libsodium.so.23", "libsodium.so"]
        for name in filter(None, names):
            try:
                sodium.library = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise SystemExit("libsodium is missing")
    return sodium.library


def key_pair(seed):
    """(public key, secret key) of a 32-byte seed."""
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium().crypto_sign_seed_keypair(public, secret, seed)
    return public.raw, secret.raw


def pre_authentication(*pieces):
    whole = len(pieces).to_bytes(8, "little")
    for piece in pieces:
        whole += len(piece).to_bytes(8, "little") + piece
    return whole


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def from_base64url(text):
    if not re.fullmatch(rb"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Malformed("malformed_token")
    data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if base64url(data) != text:
        raise Malformed("malformed_token")
    return data


def sign_token(secret, payload, footer=b""):
    """A PASETO v4.public token."""
    message = pre_authentication(HEADER, payload, footer, b"")
    signature = ctypes.create_string_buffer(SIGNATURE_BYTES)
    sodium().crypto_sign_detached(signature, None, message, ctypes.c_ulonglong(len(message)), secret)
    token = HEADER + base64url(payload + signature.raw)
    return token + b"." + base64url(footer) if footer else token


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


class _Number(str):
    """A JSON number, as it was written."""


def _refuse(text):
    raise ValueError(text)


def _depth(value):
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _strings(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value


def strict_json(data):
    """A JSON object, or ValueError."""
    value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_int=_Number,
                       parse_float=_Number, parse_constant=_refuse)
    if not isinstance(value, dict) or _depth(value) > NESTING_MAX:
        raise ValueError("no object, or nested too deeply")
    for text in _strings(value):
        text.encode("utf-8")  # refuses lone surrogates
    return value


def time_ms(text):
    """RFC 3339 to milliseconds since 1970, the rest cut off."""
    if not isinstance(text, str) or isinstance(text, _Number):
        raise ValueError("no time")
    match = TIME.fullmatch(text)
    if not match:
        raise ValueError("no time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not 1970 <= year <= 9999:
        raise ValueError("year")
    moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)
    offset_s = 0
    zone = match.group(8)
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise ValueError("offset")
        offset_s = (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
    since = moment - EPOCH
    fraction_ms = int((match.group(7) or ".0")[1:4].ljust(3, "0"))
    whole_ms = (since.days * 86400 + since.seconds - offset_s) * 1000 + fraction_ms
    if not 0 <= whole_ms < 253402300800000:
        raise ValueError("year")
    return whole_ms


class Lease:
    """A token taken apart; nothing in it is believed before its signature is."""

    def __init__(self, token):
        self.token = token
        if not token.startswith(HEADER):
            raise Malformed("malformed_token")
        parts = token[len(HEADER):].split(b".")
        if len(parts) > 2 or (len(parts) == 2 and parts[1] == b""):
            raise Malformed("malformed_token")
        body = from_base64url(parts[0])
        self.footer = from_base64url(parts[1]) if len(parts) == 2 else b""
        if len(body) < SIGNATURE_BYTES:
            raise Malformed("malformed_token")
        self.payload, self.signature = body[:-SIGNATURE_BYTES], body[-SIGNATURE_BYTES:]
        try:
            self._claims(strict_json(self.payload))
        except (ValueError, RecursionError) as error:
            raise Malformed("malformed_claims") from error

    def _claims(self, claims):
        def text(name):
            value = claims.get(name)
            if name in claims and (not isinstance(value, str) or isinstance(value, _Number)):
                raise ValueError(name)
            return value

        def moment(name, choose):
            times = [time_ms(claims[member]) for member in (name + "_rfc3339", name)
                     if member in claims]
            return choose(times) if times else None

        def kbps(name, default):
            if name not in claims:
                return default
            value = claims[name]
            if not isinstance(value, _Number) or not re.fullmatch("[0-9]+", value):
                raise ValueError(name)
            if int(value) >= 2**32:
                raise ValueError(name)
            return int(value)

        self.sub, self.rid, self.kid = text("sub"), text("rid"), text("kid")
        if self.sub is None or not 1 <= len(self.sub.encode()) <= 256:
            raise ValueError("sub")
        if not self.sub.strip() or "\0" in self.sub:
            raise ValueError("sub")
        sid = text("sid")
        if sid is None or not UUID.fullmatch(sid) or uuid.UUID(sid).int == 0:
            raise ValueError("sid")
        self.sid = uuid.UUID(sid).bytes
        if text("role") not in ("client", "server"):
            raise ValueError("role")
        self.role = ("client", "server").index(claims["role"])
        self.exp, self.nbf = moment("exp", min), moment("nbf", max)
        self.iat = moment("iat", max)
        if self.exp is None or (self.iat is not None and self.exp <= self.iat):
            raise ValueError("exp")
        self.soft = max(1000, kbps("slimit", 50000))
        self.hard = max(self.soft, kbps("hlimit", 100000))

    def order(self):
        """What a role's tokens are ordered by."""
        return (self.iat or 0, self.exp)

    def signed_by(self, public):
        message = pre_authentication(HEADER, self.payload, self.footer, b"")
        return sodium().crypto_sign_verify_detached(
            self.signature, message, ctypes.c_ulonglong(len(message)), public) == 0

    def time_fault(self, now_ms, skew_ms):
        """Checks 8 to 10."""
        if self.exp + skew_ms <= now_ms:
            return "expired"
        if self.exp > now_ms + HORIZON_MS + skew_ms:
            return "horizon_exceeded"
        if self.nbf is not None and self.nbf > now_ms + skew_ms:
            return "not_yet_valid"
        if self.iat is not None and self.iat > now_ms + skew_ms:
            return "issued_in_future"
        return None
