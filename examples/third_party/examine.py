"""Survey formats of other packages, paste each declaration into a copy of its module, and run the copy three times.

Usage: python examine.py [NAME ...], such as `python examine.py h5py joblib`. The default is every format that can be imported here.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
RERUNS = 3
#: Seconds that one command may take.
LIMIT = 1800


def command(folder: pathlib.Path, *arguments: str) -> tuple[int | None, str]:
    """Run pytest-ckpt in a folder, and return its exit code, None if it took too long, and its output."""
    start = time.monotonic()
    program = str(pathlib.Path(sys.executable).with_name("pytest-ckpt"))
    try:
        done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=LIMIT)
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, output = None, f"stopped after {LIMIT} s"
    print(f"{folder.name}: pytest-ckpt {arguments[0]} exits with {code} after {time.monotonic() - start:.0f} s", flush=True)
    return code, output


def pasted(source: str, declaration: str) -> str:
    """Return the source of a module with a printed declaration pasted into its format."""
    lines = declaration.splitlines()
    imports = [line.removeprefix("# ") for line in lines if line.removeprefix("# ").startswith("from pytest_ckpt import ")]
    fields = [f"    {line}" for line in lines if not line.startswith(("#", "from "))]
    return "\n".join([source, "import dataclasses", *imports, "", "fmt = dataclasses.replace(", "    fmt,", *fields, ")", ""])


def examine(name: str, folder: pathlib.Path) -> bool:
    """Survey one format, run its declaration, keep everything in a folder, and return whether the declaration holds."""
    folder.mkdir(parents=True, exist_ok=True)
    source = (HERE / f"{name}_format.py").read_text()
    (folder / f"{name}_format.py").write_text(source)
    code, _ = command(folder, "survey", f"{name}_format:fmt", "--output=survey.txt")
    if code != 0:
        return False
    (folder / "declared.py").write_text(pasted(source, (folder / "survey.txt").read_text()))
    holds = True
    for number in range(1, RERUNS + 1):
        code, output = command(folder, "run", "declared:fmt", "--select=all")
        (folder / f"run-{number}.txt").write_text(output)
        print(*(f"    {line}" for line in output.splitlines() if line.startswith("FAILED")), sep="\n", flush=True)
        holds = holds and code == 0
    return holds


def importable(name: str) -> bool:
    """Return whether the package of a format is installed."""
    try:
        importlib.import_module(f"{name}_format")
    except ImportError as error:
        print(f"{name}: not examined: {error}")
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("third-party"), help="where declarations and outputs are kept")
    options = parser.parse_args()
    known = sorted(path.stem.removesuffix("_format") for path in HERE.glob("*_format.py"))
    names = options.names or [name for name in known if importable(name)]
    failed = [name for name in names if not examine(name, options.folder.absolute() / name)]
    sys.exit(f"does not hold: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
