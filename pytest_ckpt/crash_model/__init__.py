"""Which states a crash may leave on disk. The operations of a function on the disk are recorded once, with strace, and replayed in part.

`kill` gives the states after a killed process, and `power_failure` those after a power failure.
Nothing here knows formats, frameworks or checkpoints.
"""

from .fd_table import ProcessState
from .file_system import Files, read_files, write_files
from .kill import kill_states
from .path_lookup import CannotFollow
from .power_failure import power_failure_states
from .recording import History, Recorder, marked_section, replay, traced_worker
from .states import DiskState, LostPart, describe, files_after
from .tracing import CannotTrace, slowed_worker

__all__ = [
    "CannotFollow", "CannotTrace", "DiskState", "Files", "History", "LostPart", "ProcessState", "Recorder",
    "describe", "files_after", "kill_states", "marked_section", "power_failure_states", "read_files", "replay", "slowed_worker",
    "traced_worker", "write_files",
]  # fmt: skip
