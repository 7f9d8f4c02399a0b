#!/usr/bin/env python3
"""What is in deploy/ fits the program: rules, dashboard, systemd unit, container image, examples.

test_deploy.py PROGRAM [TEST…]     needs promtool and systemd-analyze (ci/setup --test)
"""
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys

from relay_bed import DEADLINE, Relay, check, equal, main, temporary_folder

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
GUIDE = os.path.join(ROOT, "docs", "operations.md")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(*command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=DEADLINE, **options)


def passes(*command, **options):
    done = run(*command, **options)
    check(done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


# ---- Prometheus --------------------------------------------------------------------------------


def one_by_one():
    """(name, rule, its cases) of each alert, as texts of their own: what is evaluated alone is
    evaluated quickly."""
    rules = read(DEPLOY, "prometheus", "alerts.yml").split("\n      - alert: ")[1:]
    head, *cases = read(DEPLOY, "prometheus", "alerts_test.yml").split("\n  - name: ")
    for rule in rules:
        rule = re.sub(r"\n  - name: .*", "", rule, flags=re.DOTALL)
        name = rule.split("\n", 1)[0]
        own = [case for case in cases if f"alertname: {name}" in case]
        yield (name, f"groups:\n  - name: one\n    rules:\n      - alert: {rule}",
               "\n  - name: ".join([head] + own))


def rules_pass(folder, rule, cases):
    for name, text in (("alerts.yml", rule), ("alerts_test.yml", cases)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return run("promtool", "test", "rules", "alerts_test.yml", cwd=folder).returncode == 0


def alert_names():
    return re.findall(r"- alert: (\w+)", read(DEPLOY, "prometheus", "alerts.yml"))


def alert_rules_pass_their_tests(program):
    folder = os.path.join(DEPLOY, "prometheus")
    passes("promtool", "check", "rules", "alerts.yml", cwd=folder)
    passes("promtool", "check", "config", "prometheus.yml", cwd=folder)
    passes("promtool", "test", "rules", "alerts_test.yml", cwd=folder)


def every_alert_has_a_case_that_fires_and_one_that_does_not(program):
    cases = read(DEPLOY, "prometheus", "alerts_test.yml").split("\n  - name: ")[1:]
    fires, quiet = set(), set()
    for case in cases:
        verdicts = re.findall(r"alertname: (\w+)(?:, |\n +)exp_alerts:( \[\])?", case)
        for name in {name for name, _ in verdicts}:
            (quiet if all(none for alert, none in verdicts if alert == name) else fires).add(name)
    equal(fires, set(alert_names()), "alerts with a case that fires")
    equal(quiet, set(alert_names()), "alerts with a case that stays quiet throughout")


def mutants(rule):
    """The rule with each number that something is compared with moved by 2 % either way, and with
    longer and no waiting."""
    for found in re.finditer(r"[<>] ([\d.]+)", rule):
        number = float(found[1])
        step = 1 if "resets(" in rule else number * 0.02
        for moved in {number - step, number + step} - {0}:
            yield f"{moved:g}", f"{rule[:found.start(1)]}{moved:g}{rule[found.end(1):]}"
    for found in re.finditer(r"\n +for: (\d+)m", rule):
        for moved in (int(found[1]) * 4, 0):
            yield f"for: {moved}m", f"{rule[:found.start(1)]}{moved}{rule[found.end(1):]}"
    yield "nothing", re.sub(r"expr: (\|(\n {10}.*)+|.*)", "expr: vector(0) > 1", rule)


def the_tests_of_the_rules_notice_every_change(program):
    changes = 0
    with temporary_folder() as folder:
        for name, rule, cases in one_by_one():
            check(rules_pass(folder, rule, cases), f"{name} alone does not pass")
            for what, changed in mutants(rule):
                if changed != rule:
                    check(not rules_pass(folder, changed, cases), f"{name}: {what} passes as well")
                    changes += 1
    check(changes >= 60, f"only {changes} changes were tried")


def every_alert_is_explained_in_the_guide(program):
    rules = read(DEPLOY, "prometheus", "alerts.yml")
    headings = re.findall(r"^#+ (.+)$", read(GUIDE), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    runbooks = re.findall(r"runbook: docs/operations\.md#(\S+)", rules)
    equal(len(runbooks), len(alert_names()), "alerts with a runbook")
    equal([anchor for anchor in runbooks if anchor not in anchors], [], "anchors that lead nowhere")


# ---- Metrics that are named somewhere ----------------------------------------------------------


def every_metric_that_is_named_exists(program):
    with Relay(program) as relay:
        status, _, body = relay.get("/metrics/prometheus")
    equal(status, 200, "status of /metrics/prometheus")
    exists = {re.match(r"\w+", line)[0] for line in body.decode().splitlines()
              if line and not line.startswith("#")}
    for path in ("prometheus/alerts.yml", "prometheus/alerts_test.yml", "grafana/wavry-relay.json",
                 "../docs/operations.md"):
        named = set(re.findall(r"\bwavry_relay_\w+", read(DEPLOY, *path.split("/"))))
        check(named, f"{path} names no metric")
        equal(sorted(named - exists), [], f"metrics in {path} that the relay does not have")


# ---- Grafana -----------------------------------------------------------------------------------

PANELS = {"Active Sessions", "Packet Throughput", "Bandwidth", "Error Rates", "Session Lifecycle",
          "NAT Rebind Events", "Forwarding Latency", "Forwarding Latency Histogram",
          "Verification Queue", "Rejects by Reason", "Master State", "Sessions", "Sockets"}


def dashboard():
    return json.loads(read(DEPLOY, "grafana", "wavry-relay.json"))


def overlaps(one, other):
    a, b = one["gridPos"], other["gridPos"]
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def the_dashboard_is_whole(program):
    board = dashboard()
    panels = board["panels"]
    equal({panel["title"] for panel in panels}, PANELS, "panels")
    equal(len({panel["id"] for panel in panels}), len(panels), "different panel ids")
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    equal(variables["datasource"]["type"], "datasource", "type of $datasource")
    check("relay_id" in variables["relay_id"]["query"]["query"], "$relay_id is not a label's values")
    for panel in panels:
        sources = [panel["datasource"]] + [target["datasource"] for target in panel["targets"]]
        check(all(source["uid"] == "${datasource}" for source in sources),
              f"{panel['title']} asks a data source of its own")
        check(panel["description"], f"{panel['title']} has no description")
        check(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, f"{panel['title']} is too wide")
        references = [target["refId"] for target in panel["targets"]]
        equal(len(set(references)), len(references), f"refIds of {panel['title']}")
        for target in panel["targets"]:
            check("$relay_id" in target["expr"], f"{panel['title']} ignores $relay_id")
    for one, other in itertools.combinations(panels, 2):
        check(not overlaps(one, other), f"{one['title']} lies on {other['title']}")


def the_dashboards_queries_are_promql(program):
    """promtool parses recording rules: each query becomes one."""
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    queries = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    for number, query in enumerate(queries):
        query = query.replace("$__rate_interval", "1m").replace("$relay_id", ".*")
        check("$" not in query, f"a variable that nobody sets: {query}")
        lines += [f"      - record: query:{number}", f"        expr: {json.dumps(query)}"]
    with temporary_folder() as folder:
        path = os.path.join(folder, "queries.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        found = passes("promtool", "check", "rules", path)
    check(f"{len(queries)} rules found" in found, found)


# ---- systemd -----------------------------------------------------------------------------------


def unit_settings():
    settings = {}
    for line in read(DEPLOY, "wavry-relay.service").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            settings.setdefault(name, []).append(value)
    return settings


def the_unit_is_valid_and_hardened(program):
    with temporary_folder() as folder:
        path = os.path.join(folder, "wavry-relay.service")
        unit = read(DEPLOY, "wavry-relay.service")
        check("/usr/local/bin/wavry-relay" in unit, "the unit starts another program")
        with open(path, "w", encoding="utf-8") as file:
            file.write(unit.replace("/usr/local/bin/wavry-relay", os.path.realpath(program)))
        equal(passes("systemd-analyze", "verify", "--man=no", path).strip(), "", "complaints")
        # In tenths: 2.0 of 10. What is left is the network, which is a relay's business.
        passes("systemd-analyze", "security", "--offline=yes", "--threshold=20", path)


def the_unit_leaves_time_to_drain(program):
    settings = unit_settings()
    drain = re.search(r"--drain-timeout-secs SECS\s.*?\b(\d+)\b", passes(program, "--help"),
                      re.DOTALL)
    check(drain, "--help does not say how long a drain takes")
    stop = re.fullmatch(r"(\d+)s", settings["TimeoutStopSec"][0])
    check(int(stop[1]) >= int(drain[1]) + 10, f"{stop[1]} s for a drain of {drain[1]} s")


def examples(folder):
    """The example files, as the unit and its environment file use them."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("WAVRY_")}
    for line in read(DEPLOY, "relay.env").splitlines():
        if line and not line.startswith("#"):
            name, value = line.split("=", 1)
            environment[name] = value
    keys, bans = os.path.join(folder, "keys"), os.path.join(folder, "bans")
    for path, text in ((keys, f"k1:{'ab' * 32}\n"), (bans, "somebody@example.com\n")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    # What stands behind a '#' must be right too when somebody takes the sign away.
    text = re.sub(r"^#(?=[a-z-]+ = )", "", read(DEPLOY, "relay.conf"), flags=re.MULTILINE)
    text = text.replace("/etc/wavry-relay/keys", keys).replace("/etc/wavry-relay/bans", bans)
    path = os.path.join(folder, "relay.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path, environment


def the_example_configuration_is_accepted(program):
    with temporary_folder() as folder:
        path, environment = examples(folder)
        command = unit_settings()["ExecStart"][0].split()
        command[0] = program
        command[command.index("/etc/wavry-relay/relay.conf")] = path
        command[command.index("/var/lib/wavry-relay")] = os.path.join(folder, "state")
        passes(*command, "--check-config", env=environment)
        # It is looked at: a mistake in it is found.
        with open(path, "a", encoding="utf-8") as file:
            file.write("max-sessions = none\n")
        equal(run(*command, "--check-config", env=environment).returncode, 2, "exit code")


def the_service_manager_hears_how_it_goes(program):
    with temporary_folder() as folder:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.settimeout(DEADLINE)
        path = os.path.join(folder, "notify")
        manager.bind(path)
        os.chmod(folder, 0o755)
        os.chmod(path, 0o777)
        with Relay(program, env={"NOTIFY_SOCKET": path}) as relay:
            check(b"READY=1" in manager.recv(4096).split(b"\n"), "the first word is not READY=1")
            relay.signal(signal.SIGTERM)
            words = []
            while b"STOPPING=1" not in words:
                words = manager.recv(4096).split(b"\n")
            relay.wait()
        manager.close()


# ---- Privileges --------------------------------------------------------------------------------


def no_thread_has_any_power(program):
    with Relay(program, "--workers", "2") as relay:
        threads = os.listdir(f"/proc/{relay.process.pid}/task")
        check(len(threads) >= 4, f"only {len(threads)} threads")
        for thread in threads:
            status = dict(line.split(":\t", 1) for line in
                          read(f"/proc/{relay.process.pid}/task/{thread}/status").splitlines()
                          if ":\t" in line)
            who = f"thread {status['Name']}"
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                equal(int(status[name], 16), 0, f"{name} of {who}")
            equal(status["NoNewPrivs"], "1", f"no_new_privs of {who}")
            equal(status["Seccomp"], "2", f"system call filter of {who}")
            check("0" not in status["Uid"].split() + status["Gid"].split(), f"{who} is root")
            if os.geteuid() == 0:
                equal(int(status["CapBnd"], 16), 0, f"CapBnd of {who}")
                check("0" not in status["Groups"].split(), f"{who} is in root's group")


# ---- The container image -----------------------------------------------------------------------


def instructions():
    """(instruction, rest) of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", read(DEPLOY, "Dockerfile"), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line]


def last_stage():
    lines = instructions()
    return lines[max(i for i, line in enumerate(lines) if line[0] == "FROM"):]


def the_image_copies_what_is_there(program):
    ignored = read(DEPLOY, "Dockerfile.dockerignore").splitlines()
    sources = [source for name, rest in instructions() if name == "COPY" and "--from" not in rest
               for source in rest.split()[:-1]]
    check(sources, "nothing is copied")
    for source in sources:
        check(os.path.exists(os.path.join(ROOT, source)), f"COPY {source}: there is no such thing")
        check(f"!{source}" in ignored, f"COPY {source}: .dockerignore hides it")
    folders = re.findall(r"^ *add_subdirectory\((\w+)\)", read(ROOT, "CMakeLists.txt"), re.MULTILINE)
    equal(set(folders) - set(sources) - {"tests", "fuzz"}, set(), "folders that building needs")


def package_of(library):
    """The package that a library belongs to, on a system with or without a merged /usr."""
    path = os.path.realpath(library)
    for candidate in (path, path.removeprefix("/usr"), library):
        done = run("dpkg", "-S", candidate)
        if done.returncode == 0:
            return done.stdout.split(":", 1)[0].removesuffix("t64")
    check(False, f"{library} belongs to no package")


def the_image_has_the_libraries_of_the_program(program):
    needed = re.findall(r"NEEDED +(\S+)", passes("objdump", "-p", program))
    found = dict(re.findall(r"(\S+) => (/\S+)", passes("ldd", program)))
    packages = {package_of(found[name]) for name in needed if name in found}
    # In every image; and what only a build with sanitizers has.
    packages -= {"libc6", "libgcc-s1", "libasan8", "libubsan1"}
    check(len(packages) >= 4, f"only {packages}")
    install = next(rest for name, rest in last_stage() if name == "RUN")
    installed = {word for word in install.split() if word.startswith("lib")}
    equal(installed, packages, "libraries in the image")
    check("ca-certificates" in install.split(), "no certificates to check the master's with")


def the_image_runs_as_nobody_in_particular(program):
    lines = last_stage()
    user = next(rest for name, rest in lines if name == "USER")
    check(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), f"USER {user}")
    equal(next(rest for name, rest in lines if name == "EXPOSE"), "4000/udp 9091/tcp", "EXPOSE")
    entry = json.loads(next(rest for name, rest in lines if name == "ENTRYPOINT"))
    check(any(name == "COPY" and rest.endswith(" " + entry[0]) for name, rest in lines),
          f"{entry[0]} is not in the image")
    state = entry[entry.index("--state-dir") + 1]
    check(any(name == "COPY" and rest.endswith(" " + state) and f"--chown={user}" in rest
              for name, rest in lines), f"{state} does not belong to {user}")


def the_images_health_check_tells_dead_from_alive(program):
    rest = next(rest for name, rest in last_stage() if name == "HEALTHCHECK")
    command = json.loads(rest[rest.index("CMD ") + 4:])
    command[0] = program
    variables = next(rest for name, rest in last_stage() if name == "ENV")
    environment = dict(os.environ, **dict(word.split("=", 1) for word in variables.split()))
    listens, port = environment["WAVRY_RELAY_HEALTH_LISTEN"].split(":")
    check(f"{port}/tcp" in next(rest for name, rest in last_stage() if name == "EXPOSE"),
          f"port {port} is not exposed")
    with Relay(program) as relay:
        environment["WAVRY_RELAY_HEALTH_LISTEN"] = f"{listens}:{relay.http[1]}"
        passes(*command, env=environment)
    equal(run(*command, env=environment).returncode, 1, "exit code without a relay")


if __name__ == "__main__":
    main(sys.modules[__name__])
