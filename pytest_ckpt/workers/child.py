"""What runs in a worker: questions one after the other, each under its limits, until nobody asks any more."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .limits import confine, die_with, held, limited

#: What the worker was started with; a question may want to know whether it is confined, and whether it has a disk of its own.
SETTINGS: dict[str, Any] = {}
#: The objects that were sent once, by digest.
_OBJECTS: dict[bytes, Any] = {}


def main() -> None:
    SETTINGS.update(json.loads(sys.argv[2]))
    sys.argv[1:] = []
    # A traced worker is the child of its tracer, which ends with it.
    die_with(None if SETTINGS["traced"] else SETTINGS["parent"])
    if SETTINGS["confined"]:
        SETTINGS["disk"] = confine(pathlib.Path(SETTINGS["confined"]))
        die_with(SETTINGS["parent"])  # again: a process whose privileges change is no longer told of it
    for end in ("in", "out"):
        os.set_inheritable(SETTINGS[end], False)
    questions, answers = Connection(SETTINGS["in"], writable=False), Connection(SETTINGS["out"], readable=False)
    answers.send_bytes(pickle.dumps(("answer", None)))
    while True:
        try:
            question = questions.recv_bytes()
        except (EOFError, OSError):
            break
        answers.send_bytes(pickle.dumps(_answered(question)))
    # Threads that a library has left behind would keep the interpreter from ending.
    os._exit(0)


def _answered(question: bytes) -> tuple[str, Any]:
    try:
        function, arguments, places, parcels, memory, file_size = pickle.loads(question)
        for digest, data in parcels.items():
            try:
                _OBJECTS[digest] = pickle.loads(data)
            except Exception as error:
                return "stranded", " ".join(f"{type(error).__name__}: {error}".split())
        for place in places:
            arguments[place] = _OBJECTS[arguments[place]]
        before = held()
        with limited(memory, file_size):
            return "answer", function(*arguments)
    except MemoryError:
        return "memory", f"ran out of its memory limit of {memory >> 20} MiB above the {before >> 20} MiB that it had before"
    except BaseException:  # an exit, too: it is told to who has asked, and the worker is there for the next question
        return "failed", traceback.format_exc()
