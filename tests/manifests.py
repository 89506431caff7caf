#!/usr/bin/env python3
"""Checks what stands in k8s/: renders each overlay and says everything that is wrong with it. Works offline.

    tests/manifests.py            check
    tests/manifests.py --render OVERLAY   print an overlay as it would be applied

1. Rendering. As kustomize cannot be had everywhere, what is used of it is done here: resources, namespace, labels (on metadata alone),
   images, and configMapGenerator without a suffix. Another field in a kustomization is an error. Where kubectl or kustomize is
   installed, its rendering is compared with this one.
2. The Kubernetes schemas of two releases, strictly: a field that they do not know is an error. cert-manager's own kinds have
   no schema there; they are skipped, and the skip is printed.
3. Rules of our own, in `Rules`.
4. The script that grants access in KurrentDB, against a server that notes what it is asked.

Needs PyYAML and kubernetes-validate (PyPI).
"""

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "k8s"
OVERLAYS = ["embedded", "cluster"]
# The oldest release that has everything used here, and the newest whose schemas the package brings.
RELEASES = ["1.29", kubernetes_validate.latest_version()]
WITHOUT_SCHEMA = {"cert-manager.io/v1"}
CLUSTER_SCOPED = {"Namespace"}
# How long the program takes to end in order, at most, and how much of that it goes on as before, so that balancers notice.
DRAIN = (ROOT / "src/http/drain.rs").read_text()
DRAIN_SECONDS_MAX = int(re.search(r"DRAIN_MAX: Duration = Duration::from_secs\((\d+)\)", DRAIN)[1])
NOTICE_SECONDS = int(re.search(r"NOTICE: Duration = Duration::from_secs\((\d+)\)", DRAIN)[1])


# ---- rendering

def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def render(folder):
    """The resources of a kustomization, as kustomize would write them."""
    file = folder / "kustomization.yaml"
    [customisation] = documents(file)
    known = {"apiVersion", "kind", "resources", "namespace", "labels", "configMapGenerator", "generatorOptions", "images"}
    if unknown := set(customisation) - known:
        raise SystemExit(f"{file}: {sorted(unknown)}: not rendered by tests/manifests.py; add it there or do without")
    resources = []
    for name in customisation.get("resources", []):
        path = (folder / name).resolve()
        resources += render(path) if path.is_dir() else documents(path)
    if customisation.get("configMapGenerator"):
        if customisation.get("generatorOptions") != {"disableNameSuffixHash": True}:
            raise SystemExit(f"{file}: config maps are rendered without a suffix: set disableNameSuffixHash")
        for generated in customisation["configMapGenerator"]:
            data = {name: (folder / name).read_text() for name in generated["files"]}
            resources.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data})
    for resource in resources:
        metadata = resource["metadata"]
        if "namespace" in customisation and resource["kind"] not in CLUSTER_SCOPED:
            metadata["namespace"] = customisation["namespace"]
        for labels in customisation.get("labels", []):
            if set(labels) != {"pairs"}:
                raise SystemExit(f"{file}: labels are rendered on metadata alone: give nothing but pairs")
            metadata.setdefault("labels", {}).update(labels["pairs"])
        for container in containers(resource):
            for image in customisation.get("images", []):
                if container["image"].split(":")[0] == image["name"]:
                    container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
    return resources


def key(resource):
    metadata = resource["metadata"]
    return resource["apiVersion"], resource["kind"], metadata.get("namespace"), metadata["name"]


def compare_with_kustomize(folder, resources, problem):
    command = next((words for words in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(words[0])), None)
    if command is None:
        print(f"SKIPPED: {folder.name}: neither kubectl nor kustomize is installed, so its own rendering is not compared")
        return
    out = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    if out.returncode != 0:
        problem(f"{' '.join(command)} fails: {out.stderr.strip()}")
        return
    theirs = {key(resource): resource for resource in yaml.safe_load_all(out.stdout)}
    ours = {key(resource): resource for resource in resources}
    for at in theirs.keys() | ours.keys():
        if theirs.get(at) != ours.get(at):
            problem(f"{at}: {' '.join(command)} renders it otherwise than tests/manifests.py")
    print(f"{folder.name}: {' '.join(command)} renders the same {len(theirs)} resources")


# ---- schemas

def validate(overlay, resources, problem):
    skipped = set()
    for release in RELEASES:
        valid = 0
        for resource in resources:
            name = f"{resource['kind']} {resource['metadata']['name']}"
            if resource["apiVersion"] in WITHOUT_SCHEMA:
                skipped.add(name)
                continue
            try:
                kubernetes_validate.validate(resource, release, strict=True)
                valid += 1
            except kubernetes_validate.ValidationError as error:
                at = ".".join(str(part) for part in error.path)
                problem(f"{name}: {at}: {error.message[:300]} (Kubernetes {release})")
            except kubernetes_validate.SchemaNotFoundError:
                problem(f"{name}: Kubernetes {release} has no {resource['apiVersion']} {resource['kind']}")
        print(f"{overlay}: {valid} resources stand in the schemas of Kubernetes {release}, strictly")
    if skipped:
        print(f"SKIPPED: {overlay}: no schema for {', '.join(sorted(skipped))} (cert-manager)")


# ---- our own rules

def pod_spec(resource):
    template = resource.get("spec", {}).get("template") if resource["kind"] in {"Deployment", "StatefulSet", "Job", "DaemonSet"} else None
    return template and template["spec"]


def containers(resource):
    spec = pod_spec(resource) or {}
    return spec.get("initContainers", []) + spec.get("containers", [])


def matches(selector, labels):
    assert set(selector) <= {"matchLabels"}, selector
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


class Rules:
    """What must hold in every overlay beyond the schemas."""

    def __init__(self, resources, problem):
        self.resources, self.problem = resources, problem
        self.workloads = [resource for resource in resources if pod_spec(resource)]

    def of(self, kind):
        return [resource for resource in self.resources if resource["kind"] == kind]

    def check(self):
        for resource in self.workloads:
            at = f"{resource['kind']} {resource['metadata']['name']}"
            self.pod(at, pod_spec(resource))
            for container in containers(resource):
                self.container(f"{at}, container {container['name']}", container)
            self.secrets(at, resource)
            self.probes(at, resource)
            self.grace(at, resource)
            self.volumes(at, resource)
            self.spread_and_budget(at, resource)
        self.no_secret_values()
        self.selectors()
        self.network()
        self.autoscaler()

    def must(self, holds, message):
        if not holds:
            self.problem(message)

    def pod(self, at, spec):
        self.must(spec.get("automountServiceAccountToken") is False, f"{at}: mounts a service account's token")
        self.must(spec.get("enableServiceLinks") is False, f"{at}: enableServiceLinks is not false")
        for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
            self.must(not spec.get(forbidden), f"{at}: {forbidden}")
        context = spec.get("securityContext", {})
        self.must(context.get("runAsNonRoot") is True, f"{at}: may run as root")
        self.must(context.get("runAsUser", 0) > 0 and context.get("runAsGroup", 0) > 0, f"{at}: no fixed user and group")
        self.must(context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{at}: no seccomp profile")
        # Otherwise each mount would open files of the keyring to the group, and the program refuses them then.
        self.must("fsGroup" not in context or context.get("fsGroupChangePolicy") == "OnRootMismatch", f"{at}: fsGroupChangePolicy")
        accounts = {account["metadata"]["name"]: account for account in self.of("ServiceAccount")}
        account = accounts.get(spec.get("serviceAccountName"), {})
        self.must(account.get("automountServiceAccountToken") is False, f"{at}: its service account is missing or mounts its token")

    def container(self, at, container):
        context = container.get("securityContext", {})
        self.must(context.get("readOnlyRootFilesystem") is True, f"{at}: its root file system can be written")
        self.must(context.get("allowPrivilegeEscalation") is False, f"{at}: may gain privileges")
        self.must(context.get("capabilities") == {"drop": ["ALL"]}, f"{at}: keeps capabilities")
        self.must(not context.get("privileged") and "runAsUser" not in context, f"{at}: has another user or privileges")
        image, _, tag = container["image"].rpartition(":")
        self.must("/" in image and tag not in ("", "latest"), f"{at}: image {container['image']} has no registry or no fixed tag")
        resources = container.get("resources", {})
        for name in ("cpu", "memory", "ephemeral-storage"):
            self.must(name in resources.get("requests", {}), f"{at}: asks for no {name}")
        for name in ("memory", "ephemeral-storage"):
            self.must(name in resources.get("limits", {}), f"{at}: has no limit of {name}")
        self.must("cpu" not in resources.get("limits", {}), f"{at}: a limit on the processor only slows it down")

    def secrets(self, at, resource):
        for container in containers(resource):
            for variable in container.get("env", []):
                name = variable["name"]
                if re.search(r"PASSWORD|SECRET|TOKEN|_KEYS?$", name) and not name.endswith("_FILE"):
                    source = variable.get("valueFrom", {})
                    self.must("secretKeyRef" in source and "value" not in variable, f"{at}: {name} is not taken from a secret")
        for volume in pod_spec(resource).get("volumes", []):
            if secret := volume.get("secret"):
                self.must(secret.get("defaultMode") == 0o440, f"{at}: volume {volume['name']} is readable by others")

    def no_secret_values(self):
        self.must(not self.of("Secret"), "a Secret stands in the repository: name it, and let it be made where it is used")
        for resource in self.of("ConfigMap"):
            text = json.dumps(resource["data"])
            self.must("PRIVATE KEY" not in text, f"ConfigMap {resource['metadata']['name']} holds a private key")
            self.must(not re.search(r"://[^/\s\"@]+:[^/\s\"@]+@", text), f"ConfigMap {resource['metadata']['name']} has a password in an address")

    def probes(self, at, resource):
        if resource["kind"] == "Job":
            return
        served = set(re.findall(r'\.route\("([^"]+)"', (ROOT / "src/http/health.rs").read_text()))
        for container in containers(resource):
            ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
            paths = {}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                get = container.get(probe, {}).get("httpGet")
                if get is None:
                    self.problem(f"{at}: {container['name']} has no {probe} by HTTP")
                    continue
                paths[probe] = get["path"]
                self.must(get["port"] in ports, f"{at}: {probe} asks the port {get['port']}, which {container['name']} does not have")
                if container["name"] == "parvandeh":
                    self.must(get["path"] in served, f"{at}: {probe} asks {get['path']}, which src/http/health.rs does not serve")
            if container["name"] == "parvandeh" and len(paths) == 3:
                # Readiness fails while the log or an identity provider does: a restart would not mend that.
                self.must(paths["livenessProbe"] == "/health/live", f"{at}: liveness must ask /health/live")
                self.must(paths["startupProbe"] == "/health/live", f"{at}: the start must ask /health/live")
                self.must(paths["readinessProbe"] == "/health/ready", f"{at}: readiness must ask /health/ready")
                annotations = resource["spec"]["template"]["metadata"].get("annotations", {})
                self.must(annotations.get("prometheus.io/path") in served, f"{at}: metrics are scraped where none are served")
                self.must(annotations.get("prometheus.io/port") == str(ports.get("http")), f"{at}: metrics are scraped at another port")

    def grace(self, at, resource):
        spec = pod_spec(resource)
        if not any(container["name"] == "parvandeh" for container in spec["containers"]):
            return
        settings = next((tomllib.loads(file) for r in self.of("ConfigMap") for name, file in r["data"].items() if name == "parvandeh.toml"), {})
        notice = settings.get("drain_notice_seconds", NOTICE_SECONDS)
        needed = DRAIN_SECONDS_MAX - NOTICE_SECONDS + notice
        grace = spec.get("terminationGracePeriodSeconds", 30)
        self.must(notice >= 3, f"{at}: leaves {notice} s after it says so, before it is out of rotation: drain_notice_seconds")
        self.must(grace >= needed + 5, f"{at}: {grace} s are not enough to end in order, which takes up to {needed} s")

    def volumes(self, at, resource):
        spec = pod_spec(resource)
        there = {volume["name"] for volume in spec.get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in resource["spec"].get("volumeClaimTemplates", [])}
        maps = {resource["metadata"]["name"] for resource in self.of("ConfigMap")} | {"parvandeh-token-key"}
        for container in containers(resource):
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            self.must(mounted == there, f"{at}: mounts {sorted(mounted)} of {sorted(there)}")
            if container["name"] in ("parvandeh", "kurrentdb"):
                paths = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
                self.must("/tmp" in paths, f"{at}: has no /tmp to write")
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                self.must(volume["configMap"]["name"] in maps, f"{at}: no config map {volume['configMap']['name']}")
            if "emptyDir" in volume:
                self.must("sizeLimit" in volume["emptyDir"], f"{at}: volume {volume['name']} has no bound")
            self.must("hostPath" not in volume, f"{at}: mounts a folder of the machine")

    def spread_and_budget(self, at, resource):
        if resource["kind"] == "Job" or resource["spec"].get("replicas") == 1:
            self.must(not self.of("HorizontalPodAutoscaler") or resource["kind"] == "Job", f"{at}: one replica and an autoscaler")
            return
        labels = resource["spec"]["template"]["metadata"]["labels"]
        budgets = [budget for budget in self.of("PodDisruptionBudget") if matches(budget["spec"]["selector"], labels)]
        self.must(len(budgets) == 1, f"{at}: {len(budgets)} disruption budgets")
        spread = pod_spec(resource).get("topologySpreadConstraints", [])
        self.must(any(matches(part["labelSelector"], labels) for part in spread), f"{at}: may stand in one zone")
        if resource["metadata"]["name"] == "kurrentdb":
            terms = pod_spec(resource)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            self.must(any(matches(term["labelSelector"], labels) for term in terms), f"{at}: two nodes may share a machine")
            size = next(v["value"] for v in containers(resource)[0]["env"] if v["name"] == "KURRENTDB_CLUSTER_SIZE")
            self.must(int(size) == resource["spec"]["replicas"], f"{at}: its size differs from its replicas")

    def selectors(self):
        for resource in self.workloads:
            if resource["kind"] == "Job":
                continue
            labels = resource["spec"]["template"]["metadata"]["labels"]
            self.must(matches(resource["spec"]["selector"], labels), f"{key(resource)}: does not select its own pods")
            for wanted in ("app.kubernetes.io/name", "app.kubernetes.io/component"):
                self.must(wanted in labels, f"{key(resource)}: its pods have no {wanted}")
        for service in self.of("Service"):
            chosen = [r for r in self.workloads if matches({"matchLabels": service["spec"]["selector"]}, r["spec"]["template"]["metadata"]["labels"])]
            self.must(len(chosen) == 1, f"Service {service['metadata']['name']}: selects {len(chosen)} workloads")
            ports = {port["name"]: port["containerPort"] for r in chosen for c in containers(r) for port in c.get("ports", [])}
            for port in service["spec"]["ports"]:
                self.must(ports.get(port["targetPort"]) == port["port"], f"Service {service['metadata']['name']}: port {port['name']}")
        for workload in self.of("StatefulSet"):
            names = {service["metadata"]["name"] for service in self.of("Service")}
            self.must(workload["spec"]["serviceName"] in names, f"{key(workload)}: no service {workload['spec']['serviceName']}")

    def network(self):
        policies = [policy["spec"] for policy in self.of("NetworkPolicy")]
        denies = [p for p in policies if p["podSelector"] == {} and sorted(p["policyTypes"]) == ["Egress", "Ingress"] and not p.get("ingress") and not p.get("egress")]
        self.must(len(denies) == 1, "no policy denies what no other allows")
        for policy in policies:
            for rule in policy.get("ingress", []) + policy.get("egress", []):
                self.must(rule.get("ports") and (rule.get("from") or rule.get("to")), f"a network policy allows every port or every peer: {rule}")
                for peer in rule.get("from", []) + rule.get("to", []):
                    self.must(any(peer.get(part) for part in ("podSelector", "namespaceSelector")), f"a network policy allows every pod: {rule}")
        open_ports = {}
        for resource in self.workloads:
            for container in containers(resource):
                for port in container.get("ports", []):
                    open_ports.setdefault(resource["metadata"]["name"], set()).add(port["containerPort"])
        for resource in self.workloads:
            labels = resource["spec"]["template"]["metadata"]["labels"]
            allowed = {port["port"] for p in policies if p["podSelector"] and matches(p["podSelector"], labels) for rule in p.get("ingress", []) for port in rule["ports"]}
            mine = open_ports.get(resource["metadata"]["name"], set())
            self.must(allowed == mine, f"{key(resource)}: listens on {sorted(mine)}, and policies let in to {sorted(allowed)}")

    def autoscaler(self):
        for scaler in self.of("HorizontalPodAutoscaler"):
            target = scaler["spec"]["scaleTargetRef"]
            aim = [r for r in self.of(target["kind"]) if r["metadata"]["name"] == target["name"]]
            self.must(len(aim) == 1, f"the autoscaler aims at {target}, which is not there")
            self.must(all("replicas" not in r["spec"] for r in aim), "the autoscaler and its target both set a number of replicas")
            self.must(scaler["spec"]["minReplicas"] >= 2, "one replica is no cluster")


# ---- the script that grants access

def grant_access(problem):
    """Runs access.sh twice against a server that sends it to the leader first and knows the user the second time, and looks at what it asked for."""
    if not shutil.which("curl"):
        print("SKIPPED: k8s/kurrentdb/access.sh is not run: curl is not installed")
        return
    requests = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not requests and self.headers["Host"].startswith("127.0.0.1"):
                self.send_response(307)
                self.send_header("Location", f"http://localhost:{server.server_port}{self.path}")
                self.end_headers()
                return
            known = self.path == "/users/" and any(path == "/users/" for path, _, _ in requests)
            requests.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(409 if known else 201)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "SERVER": f"http://127.0.0.1:{server.server_port}", "AUTHORITY": "/dev/null",
        "ADMIN_PASSWORD": "a", "REPLICA_USER": "parvandeh", "REPLICA_PASSWORD": "b-1_X", "PREFIX": "parvandeh",
    }
    run = lambda **more: subprocess.run(["sh", str(K8S / "kurrentdb/access.sh")], env=environment | more, capture_output=True, text=True, timeout=60)
    for _ in range(2):
        out = run()
        if out.returncode != 0:
            problem(f"k8s/kurrentdb/access.sh fails: {out.stdout}{out.stderr}")
            return
    paths = [path for path, _, _ in requests]
    rest = ["/streams/%24settings", "/streams/%24all/metadata", "/streams/parvandeh.replicas-heartbeat/metadata"]
    if paths != ["/users/", *rest, "/users/", "/users/parvandeh/command/reset-password", *rest]:
        problem(f"k8s/kurrentdb/access.sh asks for {paths}")
    if {authorization for _, authorization, _ in requests} != {"Basic YWRtaW46YQ=="}:
        problem("k8s/kurrentdb/access.sh does not log in as admin")
    acl = requests[1][2][0]["data"]["$userStreamAcl"]
    if [r[2][0]["data"] for r in requests if "heartbeat" in r[0]] != [{"$maxCount": 1000}] * 2:
        problem("k8s/kurrentdb/access.sh sets another retention of heartbeats")
    if acl["$mw"] != ["$admins"] or acl["$w"] != ["parvandeh"] or acl["$d"] != ["parvandeh"]:
        problem(f"k8s/kurrentdb/access.sh grants {acl}")
    if run(REPLICA_PASSWORD='x"y').returncode == 0 or len(requests) != len(paths):
        problem("k8s/kurrentdb/access.sh takes a password that it would have to escape")
    server.shutdown()
    print("access.sh creates the user or changes its password, and writes the rights: 9 requests, each as expected")


# ---- compose files: parsed, and the rules that they share

def compose(problem):
    for path in sorted((K8S / "compose").glob("*.yaml")):
        [file] = documents(path)
        for name, service in file["services"].items():
            at = f"k8s/compose/{path.name}, {name}"
            if "kurrentdb" in service["image"].lower() and not service["image"].startswith("${KURRENTDB_IMAGE:?"):
                problem(f"{at}: {service['image']}, where KURRENTDB_IMAGE is to name the vendor's image")
            for port in service.get("ports", []):
                if not port.startswith("127.0.0.1:"):
                    problem(f"{at}: {port} is open to the network")
            for variable, value in service.get("environment", {}).items():
                if re.search(r"PASSWORD|_KEYS?$", variable) and not re.fullmatch(r"\$\{\w+:\?[^}]*\}", value):
                    problem(f"{at}: {variable} has a value in the repository")
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    if not (path.parent / source).exists() and source != "./secrets":
                        problem(f"{at}: {source} is not there")
                elif source not in file.get("volumes", {}):
                    problem(f"{at}: no volume {source}")
        print(f"compose/{path.name}: {len(file['services'])} services")


def main():
    if sys.argv[1:2] == ["--render"]:
        yaml.safe_dump_all(render(K8S / "overlays" / sys.argv[2]), sys.stdout, sort_keys=False)
        return
    problems = []
    for overlay in OVERLAYS:
        folder = K8S / "overlays" / overlay
        problem = lambda text: problems.append(f"{overlay}: {text}")
        resources = render(folder)
        compare_with_kustomize(folder, resources, problem)
        validate(overlay, resources, problem)
        Rules(resources, problem).check()
    grant_access(problems.append)
    compose(problems.append)
    for text in problems:
        print(f"PROBLEM: {text}")
    print(f"{len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
