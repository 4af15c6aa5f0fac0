"""Run functions in other processes, which may crash, hang, or exceed a limit without any harm to this one.

A worker is started fresh, never forked, and answers many questions. All workers end with this
process. Nothing here knows formats, specs or verdicts.
"""

from .limits import MEMORY_LIMIT
from .pool import Workers
from .serialization import CannotSerialize, SerializedObject, serialize
from .worker import RemoteError, Worker, WorkerDied

__all__ = ["MEMORY_LIMIT", "CannotSerialize", "RemoteError", "SerializedObject", "Worker", "WorkerDied", "Workers", "serialize"]
