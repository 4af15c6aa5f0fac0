"""Print the results of all environments, ending with one line in the form of pytest's own summary.

    python .ci/summary.py FOLDER STATUS

FOLDER has a JUnit file for each environment that ran tests, and STATUS is the exit status of tox. Exit with 1 if a test failed, if
STATUS is not 0, or if no test ran.
"""

from __future__ import annotations

import collections
import datetime
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def main(folder: pathlib.Path, status: int) -> int:
    total: collections.Counter[str] = collections.Counter()
    seconds = 0.0
    for path in sorted(folder.glob("*.xml")):
        suite = ElementTree.parse(path).getroot().find("testsuite")
        assert suite is not None, path
        counts = _counts(suite)
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"FAILED {path.stem}: {case.get('classname')}::{case.get('name')}")
        print(f"{path.stem}: {_text(counts)} in {float(suite.get('time', 0)):.0f}s")
        total += counts
        seconds += float(suite.get("time", 0))
    if status and not total["failed"]:
        print(f"tox ended with exit status {status}: see the output of the environments above")
        total["error"] += 1
    ok = status == 0 and total["passed"] > 0 and not total["failed"] and not total["error"]
    time = datetime.timedelta(seconds=round(seconds))
    print(f" {_text(total) or 'no tests ran'} in {seconds:.2f}s ({time}) ".center(80, "="))
    return 0 if ok else 1


def _counts(suite: ElementTree.Element) -> collections.Counter[str]:
    tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped"))
    return collections.Counter(failed=failures, passed=tests - failures - errors - skipped, skipped=skipped, error=errors)


def _text(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in ("failed", "passed", "skipped", "error") if counts[name])


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
