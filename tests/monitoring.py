#!/usr/bin/env python3
"""Checks what stands in k8s/monitoring: the alerts and the dashboard.

    tests/monitoring.py [BINARY]

Everything parses, every expression is PromQL, every metric in it exists: in docs/metrics.md, or at /metrics of a demo that BINARY serves
while this runs. Every metric of docs/metrics.md has a panel. Every alert says how bad it is and has a section of its own in docs/operations.md; and one that fires in alerts_test.yaml,
which promtool runs where it is installed.

Needs PyYAML and promql-parser (PyPI).
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "k8s/monitoring"
OPERATIONS = ROOT / "docs/operations.md"
# What others than this program export: Prometheus itself, the kubelet, kube-state-metrics, cert-manager.
ELSEWHERE = {
    "up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "kube_secret_created",
    "certmanager_certificate_expiration_timestamp_seconds",
}
# What the dashboard's own variables stand for.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$instance": ".*", "$job": "parvandeh"}


def metrics_in_the_documents():
    path = ROOT / "docs/metrics.md"
    if not path.exists():
        print("SKIPPED: docs/metrics.md is not there; metrics are looked up at /metrics alone")
        return set()
    return set(re.findall(r"`(parvandeh_[a-z0-9_]+)", path.read_text()))


def metrics_of_a_demo(binary):
    """The names at /metrics of a demo in a temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        command = [binary, "serve", "--demo", "--data-directory", f"{directory}/data", "--listen", "127.0.0.1:0", "--log-format", "json"]
        with open(f"{directory}/log", "w") as log:
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            deadline = time.monotonic() + 300
            while not (ready := re.search(r'"address":"([^"]+)"', Path(f"{directory}/log").read_text())):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the demo did not start: {Path(f'{directory}/log').read_text()}")
                time.sleep(0.1)
            with urllib.request.urlopen(f"http://{ready[1]}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        finally:
            server.terminate()
            server.wait()
    return set(re.findall(r"^# TYPE (\S+)", text, re.M)) | set(re.findall(r"^(parvandeh_[a-z0-9_]+)", text, re.M))


def selectors(node):
    """All vector selectors of a parsed expression."""
    if type(node).__name__ == "VectorSelector":
        yield node
    for name in ("lhs", "rhs", "expr", "args", "param", "vector_selector"):
        below = getattr(node, name, None)
        for child in below if isinstance(below, list) else [below]:
            if hasattr(child, "prettify"):
                yield from selectors(child)


class Check:
    def __init__(self, known):
        self.known, self.problems, self.expressions, self.used = known, [], 0, set()

    def must(self, holds, message):
        if not holds:
            self.problems.append(message)

    def expression(self, at, text):
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        self.must("$" not in text, f"{at}: an unknown variable in {text}")
        try:
            parsed = promql_parser.parse(text)
        except ValueError as error:
            self.problems.append(f"{at}: {error}: {text}")
            return
        self.expressions += 1
        for selector in selectors(parsed):
            name = selector.name
            if name is None:
                self.problems.append(f"{at}: a selector without a metric's name: {text}")
                continue
            self.used.add(name)
            # A histogram is documented by its own name and asked for by its parts; a counter by either.
            names = {name, re.sub(r"_(bucket|sum|count|total)$", "", name), f"{name}_total"}
            self.must(names & self.known or name in ELSEWHERE, f"{at}: no metric {name}")

    def alerts(self):
        file = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
        sections = set(re.findall(r"^### (Parvandeh\w+)$", OPERATIONS.read_text(), re.M))
        tested = set(re.findall(r"alertname: (\w+)\n(?:.*\n){0,2}?\s+exp_alerts:\n", (FOLDER / "alerts_test.yaml").read_text()))
        names = []
        for group in file["groups"]:
            self.must(set(group) <= {"name", "interval", "rules"}, f"group {group['name']}: unknown keys")
            for rule in group["rules"]:
                name = rule.get("alert")
                if name is None:
                    self.problems.append(f"group {group['name']}: a rule that is no alert")
                    continue
                names.append(name)
                self.expression(f"alert {name}", rule["expr"])
                self.must(rule.get("labels", {}).get("severity") in ("critical", "warning"), f"alert {name}: no severity")
                annotations = rule.get("annotations", {})
                for wanted in ("summary", "description", "runbook_url"):
                    self.must(annotations.get(wanted), f"alert {name}: no {wanted}")
                self.must(annotations.get("runbook_url", "").endswith(f"docs/operations.md#{name.lower()}"), f"alert {name}: its runbook_url")
                self.must(re.fullmatch(r"\d+[smh]", rule.get("for", "")), f"alert {name}: no time for which it must hold")
        self.must(len(names) == len(set(names)), "two alerts have one name")
        for name in set(names) - sections:
            self.problems.append(f"alert {name}: no section in docs/operations.md")
        for name in sections - set(names):
            self.problems.append(f"docs/operations.md has a section {name}, and there is no such alert")
        for name in set(names) - tested:
            self.problems.append(f"alert {name}: nothing in alerts_test.yaml makes it fire")
        print(f"alerts.yaml: {len(names)} alerts, each with a section in docs/operations.md and a test")

    def dashboard(self):
        dashboard = json.loads((FOLDER / "dashboard.json").read_text())
        self.must(dashboard.get("uid") and dashboard.get("title") and dashboard.get("schemaVersion"), "dashboard: no uid, title or schemaVersion")
        self.must("id" not in dashboard or dashboard["id"] is None, "dashboard: carries an id of the Grafana that it comes from")
        ids, taken = set(), {}
        for panel in dashboard["panels"]:
            at = f"panel {panel.get('title')!r}"
            self.must(panel["id"] not in ids, f"{at}: its id is taken")
            ids.add(panel["id"])
            place = panel["gridPos"]
            self.must(place["x"] + place["w"] <= 24, f"{at}: stands out on the right")
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.must((x, y) not in taken, f"{at}: overlaps {taken.get((x, y))}")
                    taken[x, y] = at
            if panel["type"] == "row":
                continue
            self.must(panel.get("description"), f"{at}: does not say what it shows")
            self.must(panel["fieldConfig"]["defaults"].get("unit"), f"{at}: has no unit")
            self.must(panel.get("targets"), f"{at}: shows nothing")
            self.must(panel["datasource"]["uid"] == "${datasource}", f"{at}: names a data source of one Grafana")
            for target in panel.get("targets", []):
                self.expression(at, target["expr"])
        sources = {json.loads(source)["uid"] for source in re.findall(r'"datasource": (\{[^{}]*(?:\{[^{}]*\})?[^{}]*\})', json.dumps(dashboard))}
        self.must(sources == {"${datasource}"}, f"dashboard: names data sources of one Grafana: {sorted(sources)}")
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        self.must(variables == {"datasource", "job", "instance"}, f"dashboard: variables {sorted(variables)}")
        for name in sorted(metrics_in_the_documents() - {part.removesuffix(end) for part in self.used for end in ("", "_bucket", "_sum", "_count")}):
            self.problems.append(f"docs/metrics.md: no panel shows {name}")
        print(f"dashboard.json: {len(ids)} panels")

    def promtool(self):
        if not shutil.which("promtool"):
            print("SKIPPED: promtool is not installed, so alerts_test.yaml is not run")
            return
        for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
            out = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True)
            self.must(out.returncode == 0, f"promtool {' '.join(command)}: {out.stdout}{out.stderr}")
        print("promtool: the rules are in order, and every alert fires when it should and not when it should not")


def main():
    known = metrics_in_the_documents()
    if sys.argv[1:]:
        demo = metrics_of_a_demo(sys.argv[1])
        print(f"/metrics of a demo names {len(demo)} metrics")
        known |= demo
    check = Check(known)
    # Before the alerts: what a panel shows is what was used by then.
    check.dashboard()
    check.alerts()
    check.promtool()
    print(f"{check.expressions} expressions name {len(check.used)} metrics")
    for text in check.problems:
        print(f"PROBLEM: {text}")
    print(f"{len(check.problems)} problems")
    sys.exit(bool(check.problems))


if __name__ == "__main__":
    main()
