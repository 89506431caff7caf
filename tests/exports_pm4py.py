"""Reads exports with pm4py and compares them with what they were made from.

    python3 tests/exports_pm4py.py PROGRAM [RECEIPT]

PROGRAM is the built `parvandeh`. What is compared is counted independently of it: the demo's log by SQL in `log.db`, and the
receipt log in its own XML. RECEIPT is that log, doi 10.4121/12709127; without it, it is looked for at ../shared/data and skipped
where it is not.
"""

import collections
import gzip
import json
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
import xml.etree.ElementTree as ElementTree
from datetime import datetime

warnings.filterwarnings("ignore")

import pandas  # noqa: E402
import pm4py  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECEIPT = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "../shared/data/receipt.xes.gz"

# The activities by the stored names of events; messages are named after their direction.
ACTIVITIES = {
    "CaseOpened": "Case opened",
    "CaseClassified": "Case classified",
    "CaseReferred": "Case referred",
    "CaseAssigned": "Case assigned",
    "CaseStageEntered": "Stage entered",
    "CaseNoteAdded": "Note added",
    "CaseHeld": "Case put on hold",
    "CaseResumed": "Case resumed",
    "CaseDueDateSet": "Due date set",
    "CaseResolved": "Case resolved",
    "CaseReopened": "Case reopened",
    "CaseClosed": "Case closed",
    "CaseMerged": "Case merged",
    "CaseUnmerged": "Merge undone",
    "CaseAuthorTold": "Author told what became of it",
}
MESSAGES = {"inbound": "Message received", "outbound": "Message sent", "internal": "Internal message recorded"}


class Failed(Exception):
    pass


def same(what, found, expected):
    """Says what was compared, and fails when it differs."""
    if found != expected:
        raise Failed(f"{what}: found {found!r:.500}, expected {expected!r:.500}")
    size = len(found) if hasattr(found, "__len__") else found
    print(f"  {what}: the same ({size})")


def moments(texts):
    """Moments as a sorted list of microseconds, whatever offsets they were written with."""
    parsed = pandas.to_datetime(pandas.Series(list(texts)), utc=True, format="ISO8601")
    return sorted(int(moment.timestamp() * 1_000_000 + 0.5) for moment in parsed)


def run(program, *arguments):
    subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def exported(program, data, target, name):
    xes, ocel = target / f"{name}.xes.gz", target / f"{name}.json"
    run(program, "export", "xes", xes, "--data-directory", data)
    run(program, "export", "ocel", ocel, "--data-directory", data)
    return pm4py.read_xes(str(xes), show_progress_bar=False), ocel


def check_form(document):
    """The form that OCEL 2.0 asks of JSON."""
    types = {"string", "time", "integer", "float", "boolean"}
    for sort, things in [("eventTypes", "events"), ("objectTypes", "objects")]:
        declared = {}
        for one in document[sort]:
            declared[one["name"]] = {attribute["name"]: attribute["type"] for attribute in one["attributes"]}
            assert set(declared[one["name"]].values()) <= types, one
        known = {thing["id"] for thing in document["objects"]}
        assert len({thing["id"] for thing in document[things]}) == len(document[things]), f"{things} with one id"
        for thing in document[things]:
            for attribute in thing["attributes"]:
                assert attribute["name"] in declared[thing["type"]], (thing["type"], attribute)
                if things == "objects":
                    assert datetime.fromisoformat(attribute["time"]).tzinfo is not None
            for related in thing["relationships"]:
                assert related["objectId"] in known and related["qualifier"], related
            if things == "events":
                assert datetime.fromisoformat(thing["time"]).tzinfo is not None
    print("  OCEL: the form of the standard")


def count(data, condition):
    database = sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True)
    found = database.execute(f"SELECT count(*) FROM log WHERE {condition}").fetchone()[0]
    database.close()
    return found


def check_demo(program, target):
    data = target / "demo"
    log = target / "demo.log"
    with open(log, "w") as out:
        server = subprocess.Popen(
            [program, "serve", "--demo", "--listen", "127.0.0.1:0", "--data-directory", data], stdout=out, stderr=out
        )
    try:
        # The clocks' facts are recorded once the server runs.
        while "ready" not in log.read_text() or count(data, "stream LIKE 'clock-%'") == 0:
            if server.poll() is not None:
                raise Failed(log.read_text())
            time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)

    database = sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True)
    rows = database.execute(
        """SELECT stream, event.value ->> 'type', event.value ->> '$.metadata.occurred_at',
                  event.value ->> '$.data.direction', event.value ->> '$.data.customer_id'
           FROM log, json_each(log.events) AS event"""
    ).fetchall()
    database.close()
    of_cases = [row for row in rows if row[0].startswith("case-")]
    customers = {"customer-" + row[4] for row in of_cases if row[4]}
    names = [ACTIVITIES.get(row[1]) or MESSAGES[row[3]] for row in of_cases]

    frame, ocel_file = exported(program, data, target, "demo")
    print("the demo as XES")
    same("cases", frame["case:concept:name"].nunique(), len({row[0] for row in of_cases}))
    same("events", len(frame), len(of_cases))
    same("activities", collections.Counter(frame["concept:name"]), collections.Counter(names))
    same("timestamps", moments(frame["time:timestamp"]), moments(row[2] for row in of_cases))

    print("the demo as OCEL")
    document = json.loads(ocel_file.read_text())
    check_form(document)
    ocel = pm4py.read_ocel2_json(str(ocel_file))
    told = [row for row in rows if row[0].startswith(("case-", "clock-")) or row[0] in customers]
    same("events", len(ocel.events), len(told))
    same("timestamps", moments(ocel.events["ocel:timestamp"]), moments(row[2] for row in told))
    sorts = collections.Counter(ocel.objects["ocel:type"])
    same("cases", sorts["case"], len({row[0] for row in of_cases}))
    same("customers", sorts["customer"], len(customers))
    same("messages", sorts["message"], sum(row[1] == "InteractionRecorded" for row in of_cases))
    # The clocks by case and key, from the facts.
    database = sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True)
    clocks = database.execute(
        """SELECT count(DISTINCT stream || (event.value ->> '$.data.clock')) FROM log, json_each(log.events) AS event
           WHERE stream LIKE 'clock-%'"""
    ).fetchone()[0]
    database.close()
    same("clocks", sorts["clock"], clocks)
    flat = pm4py.ocel_flattening(ocel, "case")
    same("cases when flattened", flat["case:concept:name"].nunique(), sorts["case"])
    pm4py.discover_ocdfg(ocel)


def source_of(path):
    """Cases with their events as the XML has them: name, moment, resource, group, transition."""
    space = "{http://www.xes-standard.org/}"
    with gzip.open(path) as file:
        for _, trace in ElementTree.iterparse(file):
            if trace.tag != space + "trace":
                continue
            told = []
            for event in trace.iter(space + "event"):
                said = {child.get("key"): child.get("value") for child in event}
                keys = ["concept:name", "time:timestamp", "org:resource", "org:group", "lifecycle:transition"]
                told.append([said.get(key) for key in keys])
            own = {child.get("key"): child.get("value") for child in trace if child.tag != space + "event"}
            yield own["concept:name"], told
            trace.clear()


def check_receipt(program, target):
    if not RECEIPT.is_file():
        print("SKIPPED: the receipt log (doi 10.4121/12709127) is not at ../shared/data/receipt.xes.gz")
        return
    data = target / "receipt"
    mapping = ROOT / "fixtures/mappings/receipt.toml"
    run(program, "import", RECEIPT, "--mapping", mapping, "--data-directory", data)
    frame, ocel_file = exported(program, data, target, "receipt")
    source = list(source_of(RECEIPT))
    events = [(case, *event) for case, told in source for event in told]
    print("the receipt log as XES")
    same("cases", set(frame["case:concept:name"]), {case for case, _ in source})
    same("events", len(frame), len(events))
    same("activities", collections.Counter(frame["concept:name"]), collections.Counter(event[1] for event in events))
    same("timestamps", moments(frame["time:timestamp"]), moments(event[2] for event in events))
    columns = ["concept:name", "org:resource", "org:group", "lifecycle:transition"]
    found = {case: rows[columns].values.tolist() for case, rows in frame.groupby("case:concept:name", sort=False)}
    in_time = {}
    for case, told in source:
        # Sorting keeps the order of the source among equal moments.
        told = sorted(told, key=lambda event: datetime.fromisoformat(event[1]))
        in_time[case] = [[event[0], event[2], event[3], event[4]] for event in told]
    same("each case's events in order, with resource, group and transition", found, in_time)
    original = pm4py.read_xes(str(RECEIPT), show_progress_bar=False)
    for what, place in [("directly-follows graph", 0), ("start activities", 1), ("end activities", 2)]:
        same(what, dict(pm4py.discover_dfg(frame)[place]), dict(pm4py.discover_dfg(original)[place]))

    print("the receipt log as OCEL")
    check_form(json.loads(ocel_file.read_text()))
    ocel = pm4py.read_ocel2_json(str(ocel_file))
    same("events", len(ocel.events), len(events))
    names = collections.Counter(ocel.events["ocel:activity"])
    same("activities", names, collections.Counter(event[1] for event in events))
    sorts = collections.Counter(ocel.objects["ocel:type"])
    same("cases", sorts["case"], len(source))
    agents = {event[3] for event in events if event[3]}
    same("agents", sorts["agent"], len(agents))
    # Graphs of objects need an order among equal moments, which OCEL does not keep; cases and their sizes are compared instead.
    flat = pm4py.ocel_flattening(ocel, "case")
    sizes = collections.Counter(flat.groupby("case:concept:name").size())
    same("events a case", sizes, collections.Counter(len(told) for _, told in source))
    pm4py.discover_ocdfg(ocel)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as target:
        try:
            check_demo(program, pathlib.Path(target))
            check_receipt(program, pathlib.Path(target))
        except Failed as failure:
            sys.exit(f"FAILED: {failure}")
    print(f"Exports read with pm4py {pm4py.__version__}.")


if __name__ == "__main__":
    main()
