from .command_line import results_table as table_of
from .command_line import run_and_read as run_recorded

__all__ = ["run_recorded", "table_of"]
