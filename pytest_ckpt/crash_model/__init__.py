"""What a crash can leave on disk of what a function does to it: recorded once under strace, then taken apart.

Knows no format and no framework, and neither what a checkpoint is.
"""

from .fd_table import Standing
from .file_system import Files, files_in, put_into
from .path_lookup import Lost
from .recording import History, Recorder, marked, replayed, traced_worker
from .states import Loss, State, files_of, in_words, kill_states, power_states
from .tracing import CannotTrace, slowed_worker

__all__ = [
    "CannotTrace", "Files", "History", "Loss", "Lost", "Recorder", "Standing", "State",
    "files_in", "files_of", "in_words", "kill_states", "marked", "power_states", "put_into", "replayed", "slowed_worker",
    "traced_worker",
]  # fmt: skip
