"""The family `process`: nothing lives only in one process, and nothing leaks out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..specs import Fill, NamedScenario, Spec, TensorSpec
from .base import CORE, EXTENDED, Check, FormatProfile, check

#: Aspects in which what comes back has to be what was saved, whatever happened meanwhile.
CONTENT = frozenset({"values", "nan-payload", "dtype", "shape", "keys"})


def _plain(scene: NamedScenario) -> list[Spec]:
    """What has to come back before a scene says anything; where two are told, the smaller is as good as the larger."""
    return [scene.other if scene.case == "process/memory" and scene.other is not None else scene.saved]


def _process(case: str, level: str = CORE) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(
        f"process/{case}", level=level, judges=CONTENT, apart=True, premise=_plain
    )  # fmt: skip


@_process("fresh-process")
def fresh_process(asking: FormatProfile) -> Iterator[Spec]:
    """What one process has saved, another one loads.

    Why: what is kept in memory, or named by something that is another in each process, is found by the process that saved
    it and by no other (tensorflow/tensorflow#68467, Lightning-AI/pytorch-lightning#4045).
    What to do: write everything that loading needs; load in a fresh process in your tests.
    """
    yield NamedScenario("process/fresh-process", asking.subject())


@_process("resave")
def resave(asking: FormatProfile) -> Iterator[Spec]:
    """What was loaded can be saved again, and comes back once more.

    Why: what a loader gives is not quite what was saved, and the next save takes it for something else
    (onnx/onnx#3157).
    What to do: give back what was given, with all that saving needs.
    """
    yield NamedScenario("process/resave", asking.subject())


@_process("load-twice")
def load_twice(asking: FormatProfile) -> Iterator[Spec]:
    """A file that is loaded twice gives two objects: what is done to one shows neither in the other nor in the file.

    Why: a loader that keeps what it has read, or maps the file, hands out the same memory again
    (safetensors/safetensors#395).
    What to do: give each caller memory of its own.
    """
    yield NamedScenario("process/load-twice", asking.subject())


@_process("delete-after-load")
def delete_after_load(asking: FormatProfile) -> Iterator[Spec]:
    """What was loaded does not need the file any more.

    Why: what is read only when it is used is gone with the file (joblib/joblib#853).
    What to do: read everything, or keep the file open.
    """
    yield NamedScenario("process/delete-after-load", asking.subject())


@_process("change-after-save")
def change_after_save(asking: FormatProfile) -> Iterator[Spec]:
    """What is done to a tree after `save` has returned is not in the file, though a thread may still be writing it.

    Why: a thread that writes in the background writes what training has made of the values meanwhile
    (Lightning-AI/pytorch-lightning#21079, pytorch/pytorch#144657, pytorch/torchtitan#930).
    What to do: copy before returning, small tensors and scalars too.
    """
    yield NamedScenario("process/change-after-save", asking.subject())
    if asking.trees:
        yield NamedScenario("process/change-after-save", asking.carry(TensorSpec("float32", (), fill=Fill(51))))
    yield NamedScenario("process/change-after-save", asking.subject(size=1 << 16))


@_process("change-after-load")
def change_after_load(asking: FormatProfile) -> Iterator[Spec]:
    """What was loaded stays as it is when something else is saved at the same path.

    Why: memory that is mapped changes with the file, or ends the process when the file gets shorter
    (safetensors/safetensors#395, python/cpython#84897, meta-pytorch/torchtune#1075).
    What to do: copy what was mapped, or write beside and rename.
    """
    yield NamedScenario("process/change-after-load", asking.subject(1, 1 << 12), asking.subject(2, 1 << 12))


@_process("moved")
def moved(asking: FormatProfile) -> Iterator[Spec]:
    """A finished checkpoint is moved to another folder, and loads there, from another current directory.

    Why: a path that was written into the checkpoint leads to where it is no more (onnx/onnx#3157).
    What to do: write names relative to the checkpoint itself.
    """
    yield NamedScenario("process/moved", asking.subject())


@_process("two-writers")
def two_writers(asking: FormatProfile) -> Iterator[Spec]:
    """Two processes save at one path at the same time; then one of the two checkpoints is there, whole.

    Why: a temporary name that both use, or writing in place, mixes two checkpoints into one
    (ROCm/pytorch#3659, pytorch/pytorch#38643).
    What to do: write to a name that no other process has, and rename.
    """
    yield NamedScenario("process/two-writers", asking.subject(1, 1 << 13, 6), asking.subject(2, 1 << 13, 6))


@_process("reader-beside-writer")
def reader_beside_writer(asking: FormatProfile) -> Iterator[Spec]:
    """A process that loads while another one saves gets the old checkpoint or the new one, whole.

    Why: an evaluation that watches for checkpoints reads half of one (pytorch/pytorch#38643, google/orbax#2561).
    What to do: write beside and rename.
    """
    yield NamedScenario("process/reader-beside-writer", asking.subject(1, 1 << 13, 6), asking.subject(2, 1 << 13, 6))


@_process("threads")
def threads(asking: FormatProfile) -> Iterator[Spec]:
    """Threads that save and load at once, each at its own path, get each its own values.

    Why: a buffer, a current directory or a temporary name that all share mixes what they save.
    What to do: keep what a save needs in that save.
    """
    yield NamedScenario("process/threads", asking.subject(1, 1 << 12))


@_process("memory", level=EXTENDED)
def memory(asking: FormatProfile) -> Iterator[Spec]:
    """Saving and loading take at most three times the bytes of the values, at the peak above the start.

    The start is what the process holds just before, the values included when they are saved.

    Why: copies of copies end a run that has just enough memory (numpy/numpy#5902, shootthesound/Fizgig#143).
    What to do: write tensor by tensor, from the memory they are in.
    """
    yield NamedScenario("process/memory", asking.subject(1, 1 << 22), asking.subject(1, 1 << 10))


@_process("leaks", level=EXTENDED)
def leaks(asking: FormatProfile) -> Iterator[Spec]:
    """After one thing was saved 200 times, no files, memory, threads, processes or open descriptors stay that did not after 100.

    Agreed to are, over the second hundred, a tenth of a file, thread, process or descriptor a save, and a quarter of the bytes of the
    values.

    Why: each save keeps a little, and a run of weeks ends for want of it (google/orbax#1713, howervoo/speechturn#15).
    What to do: close what was opened; keep nothing.
    """
    yield NamedScenario("process/leaks", asking.subject(1, 1 << 15))
