"""The options of the real program, from the outside: what it takes, prints and exits with.

usage: test_options_cli.py WAVRY_RELAY [TEST…]
"""
import os
import pathlib
import re
import subprocess
import sys

from relay_bed import DEADLINE, Fail, Key, Relay, check, equal, main, temporary_folder

COLUMNS_MAX = 100
HEX = Key().public.hex()
OTHER_HEX = Key("other", b"\2" * 32).public.hex()
TOKEN = "bearer-that-nobody-may-see"
SECRET = object()  # shown as set, and not what it is

# Section 10: option, variable, default, a good value, how that is shown, a bad value (None: there
# is none but an empty or an endless one).
OPTIONS = [
    ("listen", "WAVRY_RELAY_LISTEN", "0.0.0.0:4000", "127.0.0.1:4001", "127.0.0.1:4001", "here:1"),
    ("master-url", "WAVRY_MASTER_URL", "http://localhost:8080", "https://m.example/x",
     '"https://m.example/x"', "ftp://m.example"),
    ("master-public-key", "WAVRY_RELAY_MASTER_PUBLIC_KEY", None, HEX, SECRET, HEX[:-1]),
    ("master-auth-token", "WAVRY_RELAY_MASTER_TOKEN", None, TOKEN, SECRET, TOKEN + " blank"),
    ("allow-insecure-dev", "WAVRY_RELAY_ALLOW_INSECURE_DEV", None, "true", "true", "perhaps"),
    ("max-sessions", None, "100", "16777216", "16777216", "0"),
    ("idle-timeout", None, "60", "1", "1", "0"),
    ("cleanup-interval-secs", None, "10", "7", None, "-1"),
    ("lease-duration-secs", None, "0", "300", "300", "1.5"),
    ("ip-rate-limit-pps", "WAVRY_RELAY_IP_RATE_LIMIT_PPS", "1000", "1", "1", "0"),
    ("identity-rate-limit-pps", "WAVRY_RELAY_IDENTITY_RATE_LIMIT_PPS", "200", "1000000000",
     "1000000000", "1000000001"),
    ("packet-queue-capacity", "WAVRY_RELAY_PACKET_QUEUE_CAPACITY", "2048", "64", "64", "many"),
    ("stats-log-interval-secs", None, "30", "0", "0", "99999999999999999999"),
    ("load-shed-threshold-pct", None, "95", "100", "100", "101"),
    ("health-listen", "WAVRY_RELAY_HEALTH_LISTEN", "127.0.0.1:9091", "[::1]:0", "[::1]:0", "::1"),
    ("region", "WAVRY_RELAY_REGION", None, "eu \"west\"", '"eu \\"west\\""', "eu\twest"),
    ("asn", "WAVRY_RELAY_ASN", "0", "4294967295", "4294967295", "4294967296"),
    ("max-bitrate-kbps", "WAVRY_RELAY_MAX_BITRATE", "20000", "10000", "10000", "9999"),
    ("log-level", None, "info", "trace", "trace", "loud"),
    ("relay-id", None, None, "relay-7", '"relay-7"', "two words"),
    ("state-dir", None, None, "STATE", '"STATE"', "a\nb"),
    ("advertise", None, None, "192.0.2.7:4000", "192.0.2.7:4000", "0.0.0.0:4000"),
    ("standalone", None, None, "true", "true", "perhaps"),
    ("key", None, None, f"kid:{HEX}", SECRET, f"kid:{HEX}0"),
    ("key-file", None, None, "KEYS", '"KEYS"', "/nowhere/keys"),
    ("ban-file", None, None, "BANS", '"BANS"', "/nowhere/bans"),
    ("role-policy", None, "signed", "strict", "strict", "loose"),
    ("passive-rebind", None, "same-ip", "any", "any", "always"),
    ("bare-rift", None, "on", "off", "off", "perhaps"),
    ("workers", None, "auto", "64", "64", "65"),
    ("peer-rate-limit-pps", None, "20000", "0", "0", "1000000001"),
    ("max-bandwidth-kbps", None, "0", "48", "48", "47"),
    ("verify-rate", None, "auto", "5", "5", "0"),
    ("dscp", None, "off", "63", "63", "64"),
    ("drain-timeout-secs", None, "30", "0", "0", "soon"),
    ("max-clock-skew-secs", None, "30", "3600", "3600", "3601"),
    ("peer-wait-secs", None, "60", "1", "1", "0"),
    ("user", None, "nobody", "root", '"root"', "no body"),
    ("seccomp", None, "on", "off", "off", "perhaps"),
    ("gro", None, "on", "off", "off", "perhaps"),
    ("gso", None, "on", "off", "off", "perhaps"),
    ("log-format", None, "text", "json", "json", "xml"),
]
REPEATABLE = ("key", "advertise")
NOT_SETTINGS = ("config", "check-config", "help", "version")
BASE = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--advertise", "192.0.2.1:1"]


def call(program, *arguments, env=None):
    """(exit code, standard output, standard error); no secret of this file is in either."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("WAVRY_")}
    environment["WAVRY_ALLOW_INSECURE_RELAY"] = "1"
    environment.update(env or {})
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          timeout=DEADLINE, stdin=subprocess.DEVNULL, check=False)
    for secret in (HEX[:32], HEX[32:-1], OTHER_HEX[:32], TOKEN):
        check(secret not in done.stdout + done.stderr, f"a secret is told: {arguments}")
    return done.returncode, done.stdout, done.stderr


def checked(program, *arguments, env=None):
    """--check-config: name → [(value, source)]; what is set but secret has the value SECRET."""
    code, out, error = call(program, "--check-config", *arguments, env=env)
    equal((code, error), (0, ""), f"{arguments} {env}")
    found = {}
    for line in out.splitlines():
        setting = re.fullmatch(r"([a-z-]+) = (.*)  # ([a-z ]+)", line)
        secret = re.fullmatch(r"# ([a-z-]+) is set  # ([a-z ]+)", line)
        keys = re.fullmatch(r"# keys: (\d+) pinned, (\d+) revoked", line)
        if setting:
            found.setdefault(setting[1], []).append((setting[2], setting[3]))
        elif secret:
            found.setdefault(secret[1], []).append((SECRET, secret[2]))
        elif keys:
            found["keys pinned"] = int(keys[1])
    return found


def refused(program, *arguments, env=None):
    """The one line on standard error of what exits 2."""
    code, out, error = call(program, *arguments, env=env)
    equal((code, out), (2, ""), f"exit code and output of {arguments} {env}: {error}")
    check(re.fullmatch(r"wavry-relay: [^\n]+\n", error), f"one line, not {error!r}")
    return error


def without(name):
    """What any good value goes along with: BASE without that option."""
    return [word for at in range(0, len(BASE), 2) if BASE[at] != f"--{name}"
            for word in BASE[at:at + 2]]


def company(name):
    """What one option demands of others."""
    return ["--key", f"kid:{OTHER_HEX}"] if name == "standalone" else []


class Files:
    """A folder with a list of keys, one of bans, and configuration files."""

    def __enter__(self):
        self.folder = temporary_folder()
        self.path = pathlib.Path(self.folder.name)
        self.write("KEYS", f"filed:{OTHER_HEX}\n")
        self.write("BANS", "mallory\n")
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def write(self, name, text, mode=0o600):
        path = self.path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return str(path)

    def fill(self, text):
        for name in ("KEYS", "BANS", "STATE"):
            text = text.replace(name, str(self.path / name))
        return text


def takes_effect(program, files, row, source, arguments, env=None):
    """The good value of a row is what counts, and --check-config says where it came from."""
    name, _, _, _, shown, _ = row
    found = checked(program, *arguments, *without(name), *company(name), env=env)
    if name in ("master-public-key", "key"):
        equal(found["keys pinned"], 1, f"keys by {name} from {source}")
    elif shown is not None:
        expected = shown if shown is SECRET else files.fill(shown)
        equal(found[name], [(expected, source)], f"{name} from {source}")


# ---- Help ----------------------------------------------------------------------------------------


def help_tells_every_option_its_variable_and_its_default(program):
    code, out, error = call(program, "--help")
    equal((code, error), (0, ""), "help")
    equal(call(program, "-h")[1], out, "-h")
    for line in out.splitlines():
        check(len(line) <= COLUMNS_MAX, f"more than {COLUMNS_MAX} columns: {line}")
    entries = {}
    for line in out.splitlines():
        begins = re.match(r"  (?:-[hV], |    )--([a-z-]+)", line)
        if begins:
            name = begins[1]
            entries[name] = ""
        elif not line.startswith(" " * 10):
            name = None
        if name:
            entries[name] += line.strip() + " "
    equal(sorted(entries), sorted([row[0] for row in OPTIONS] + list(NOT_SETTINGS)), "options")
    for name, variable, default, *_ in OPTIONS:
        entry = entries[name]
        equal(re.findall(r"\[env: (\w+)\]", entry), [variable] if variable else [], entry)
        equal(re.findall(r"\[default: (\S+)\]", entry), [default] if default else [], entry)


def version_is_one_line(program):
    for option in ("--version", "-V"):
        code, out, error = call(program, option)
        equal((code, error), (0, ""), option)
        check(re.fullmatch(r"wavry-relay \d+\.\d+\.\d+\S*\n", out), out)


def help_and_version_come_before_what_is_wrong_behind_them(program):
    equal(call(program, "--help", "--nonsense")[0], 0, "exit code")
    refused(program, "--nonsense", "--help")


# ---- Where values come from ----------------------------------------------------------------------


def every_option_counts_from_the_command_line(program):
    with Files() as files:
        for row in OPTIONS:
            name, value = row[0], files.fill(row[3])
            for form in ([f"--{name}={value}"], [f"--{name}", value]):
                if name in ("standalone", "allow-insecure-dev") and len(form) == 2:
                    form = form[:1]  # a flag
                takes_effect(program, files, row, "command line", form)


def every_variable_counts(program):
    with Files() as files:
        for row in OPTIONS:
            if row[1] is not None:
                takes_effect(program, files, row, "environment", [], {row[1]: row[3]})


def every_option_counts_from_the_file(program):
    with Files() as files:
        for row in OPTIONS:
            value = files.fill(row[3]).replace('"', '\\"')
            path = files.write("conf", f'# one line\n\n  {row[0]} = "{value}"  # quoted\n')
            takes_effect(program, files, row, "file", ["--config", path])


def the_command_line_wins_over_a_variable_over_the_file_over_the_default(program):
    variables = ("WAVRY_RELAY_ASN", "WAVRY_RELAY_LISTEN", "WAVRY_RELAY_REGION")
    with Files() as files:
        path = files.write("conf", "asn = 3\nlisten = 127.0.0.1:3\nregion = three\n")
        env = dict(zip(variables, ("2", "127.0.0.1:2", "two")))
        one = ("--asn", "1", "--listen", "127.0.0.1:1", "--region", "one")
        rest = BASE[2:]
        for arguments, environment, source, found in (
                ((*rest, "--config", path, *one), env, "command line", ("1", "127.0.0.1:1", '"one"')),
                ((*rest, "--config", path), env, "environment", ("2", "127.0.0.1:2", '"two"')),
                ((*rest, "--config", path), {}, "file", ("3", "127.0.0.1:3", '"three"')),
                ((*rest, "--config", path), dict.fromkeys(variables, ""), "file",
                 ("3", "127.0.0.1:3", '"three"'))):
            config = checked(program, *arguments, env=environment)
            for name, value in zip(("asn", "listen", "region"), found):
                equal(config[name], [(value, source)], name)
        equal(checked(program, *BASE)["asn"], [("0", "default")], "default")
        equal(checked(program, *BASE, "--asn", "4", "--asn", "5")["asn"], [("5", "command line")],
              "the later one")


def what_is_checked_is_a_file_that_says_the_same(program):
    with Files() as files:
        arguments = ["--region", 'a "b" \\ c # d', "--workers", "3", "--max-sessions", "7",
                     "--standalone", "--key-file", str(files.path / "KEYS"), "--relay-id", "r"]
        code, out, _ = call(program, "--check-config", *BASE, *arguments)
        equal(code, 0, "exit code")
        *settings, last = out.splitlines()
        equal(last, "wavry-relay: the configuration is fine (relay id r)", "last line")
        # a name that stands there because the default is spelled out is no contradiction
        settings = [line for line in settings if not line.startswith("master-url")]
        path = files.write("conf", "\n".join(settings) + "\n")
        again = call(program, "--check-config", "--config", path)
        equal(again[0], 0, f"exit code: {again[2]}")

        def bare(lines):
            return [line.rsplit("  # ", 1)[0] for line in lines if " = " in line
                    and not line.startswith("master-url")]
        equal(bare(again[1].splitlines()), bare(settings), "settings")


# ---- What is wrong -------------------------------------------------------------------------------


def names_all(error, *words):
    for word in words:
        check(word in error, f"'{word}' is not in: {error}")


def every_bad_value_is_named_with_what_is_allowed(program):
    for name, variable, _, _, shown, bad in OPTIONS:
        file = name in ("key-file", "ban-file")  # a good name of what cannot be read
        told = [] if shown is SECRET else [bad.replace("\t", "?").replace("\n", "?")]
        told += ["No such file" if file else "was given, expected ", f"--{name}"]
        names_all(refused(program, f"--{name}={bad}", *without(name)), *told)
        names_all(refused(program, "--check-config", f"--{name}={bad}", *without(name)), *told)
        if variable is not None:
            names_all(refused(program, *without(name), env={variable: bad}), variable, *told)
        with Files() as files:
            path = files.write("conf", f"# one line\n{name} = {bad}\n")
            error = refused(program, *without(name), "--config", path)
            if not file:
                names_all(error, f"{path}:{3 if chr(10) in bad else 2}: ")
            if bad.isprintable():  # else the line is no text, whatever stands in it
                names_all(error, *told[:-1], name)


def unknown_options_are_told_the_nearest(program):
    for given, nearest in (("--max-session", "--max-sessions"), ("--lisen", "--listen"),
                           ("--master_url=x", "--master-url"), ("--Workers", "--workers"),
                           ("--worker=3", "--workers")):
        error = refused(program, given, "3")
        names_all(error, given.split("=")[0], f"did you mean {nearest}?")
    for given in ("--something-else-altogether", "-x", "-", "--"):
        error = refused(program, given, "3")
        check("did you mean" not in error and "--help" in error, error)
    names_all(refused(program, "start"), '"start"', "--help")
    with Files() as files:
        for line, words in (("max-session = 3", ("did you mean max-sessions?",)),
                            ("config = other", ("only on the command line",)),
                            ("help", ("name = value",)),
                            ("asn = 1\nasn = 2", ("stands in line 2 already", ":3:"))):
            path = files.write("conf", "# first\n" + line + "\n")
            names_all(refused(program, *BASE, "--config", path), path, *words)


def values_that_miss_or_are_too_many(program):
    for name in ("listen", "key", "config", "workers"):
        names_all(refused(program, f"--{name}"), f"--{name}: needs a value")
    for name in ("help", "version", "check-config"):
        names_all(refused(program, f"--{name}=1"), f"--{name}: takes no value")
    keys = [word for n in range(9) for word in ("--key", f"k{n}:{HEX}")]
    checked(program, *BASE, *keys[:16])
    names_all(refused(program, *BASE, *keys), "--key", "8")
    many = [word for n in range(9) for word in ("--advertise", f"192.0.2.{n + 1}:4000")]
    equal(len(checked(program, *BASE[:4], *many[:16])["advertise"]), 8, "addresses")
    names_all(refused(program, *BASE[:4], *many), "--advertise", "at most 8")


def files_that_cannot_be_believed(program):
    with Files() as files:
        path = str(files.path)
        names_all(refused(program, *BASE, "--config", path + "/none"), "--config",
                  path + "/none")
        names_all(refused(program, *BASE, "--config", path), path)
        names_all(refused(program, *BASE, "--config", files.write("open", "asn = 1\n", 0o666)),
                  "chmod")
        for text in (b"asn = \xff\n", b"asn = 1\0\n", b"region = \"no end\n"):
            names_all(refused(program, *BASE, "--config", files.write("conf", text)), "conf:1")
        names_all(refused(program, *BASE, "--config", files.write("conf", "#" * (2 << 20))), "conf")
        checked(program, *BASE, "--config", files.write("conf", ""))
        equal(checked(program, *BASE, "--config", files.write("conf", "asn = 1\r\nregion = a\r\n"))
              ["region"], [('"a"', "file")], "a file of Windows")
        error = refused(program, *BASE, "--key-file",
                        files.write("KEYS", f"# keys\nkid:{HEX}\nkid:{HEX}0\n"))
        names_all(error, "--key-file", "KEYS:3")


def what_contradicts_itself_is_refused(program):
    key = ["--key", f"kid:{OTHER_HEX}"]
    names_all(refused(program, *BASE, "--standalone"), "--standalone", "--key")
    names_all(refused(program, *BASE, *key, "--standalone", "--master-url", "http://m"),
              "--standalone", "--master-url")
    names_all(refused(program, *BASE, "--allow-insecure-dev",
                      env={"WAVRY_ALLOW_INSECURE_RELAY": "0"}), "WAVRY_ALLOW_INSECURE_RELAY=1")
    for option in ("listen", "health-listen"):
        for address in ("0.0.0.0:4000", "[::]:4000", "192.0.2.1:4000"):
            error = refused(program, *without(option), f"--{option}={address}")
            names_all(error, f"--{option}", address, "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1")
    if os.geteuid() == 0:
        names_all(refused(program, *BASE, "--user", "nobody-of-this-name"), "--user",
                  "nobody-of-this-name")


# ---- Secrets -------------------------------------------------------------------------------------


def secrets_are_told_nowhere(program):
    """Not in output, errors or logs, from wherever they come; call() looks for them every time."""
    with Files() as files:
        path = files.write("conf", f"master-auth-token = {TOKEN}\nkey = a:{HEX}\n")
        found = checked(program, *BASE, "--config", path)
        equal(found["master-auth-token"], [(SECRET, "file")], "token")
        equal(found["keys pinned"], 1, "keys")
        for line in (f"master-auth-token = {TOKEN} and more", f'key = "a:{HEX}', f"key = a:{HEX}0",
                     f"master-public-key = {HEX}x", f"master-auth-token: {TOKEN}",
                     f"master-auth-tokens = {TOKEN}"):
            refused(program, *BASE, "--config", files.write("conf", line + "\n"))
        refused(program, *BASE, f"--master-auth-tokens={TOKEN}")
        refused(program, *BASE, "--key-file", files.write("KEYS", f"a {HEX}\n"))
        path = files.write("conf", f"master-auth-token = {TOKEN}\n", 0o644)
        with Relay(program, "--config", path, "--log-level", "trace", "--advertise", "192.0.2.1:1",
                   "--key", f"a:{HEX}", standalone=False, keys=[]) as relay:
            relay.get("/health")
        text = "\n".join(relay.text)
        check(TOKEN not in text and HEX[:32] not in text, "a secret is in the log")
        if not relay.text:
            raise Fail("no log at all")


if __name__ == "__main__":
    main(sys.modules[__name__])
