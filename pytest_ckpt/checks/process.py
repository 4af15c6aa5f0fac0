"""The family `process`: what a checkpoint needs from, and leaves in, the processes that save and load it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..specs import Fill, NamedScenario, Spec, TensorSpec
from .base import CORE, EXTENDED, MODEL, TREE, Check, check
from .profile import FormatProfile

#: The aspects that make up the content of a checkpoint. The scenario families judge these.
CONTENT = frozenset({"values", "nan-payload", "dtype", "shape", "keys"})


def _premise(scenario: NamedScenario) -> list[Spec]:
    """Return what must be restored in an ordinary round trip first. For `process/memory`, the smaller object is enough."""
    return [scenario.other if scenario.case == "process/memory" and scenario.other is not None else scenario.saved]


def _process(case: str, level: str = CORE) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(f"process/{case}", level=level, judges=CONTENT, needs_worker=True, premise=_premise, subjects={TREE, MODEL})


@_process("fresh-process")
def fresh_process(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint that one process has saved is restored by another process.

    Why: something that exists only in memory, or has another name in each process, is found by the
    process that saved it and by no other (tensorflow/tensorflow#68467,
    Lightning-AI/pytorch-lightning#4045).
    What to do: write everything that loading needs, and load in a fresh process in your tests.
    """
    yield NamedScenario("process/fresh-process", profile.subject())


@_process("resave")
def resave(profile: FormatProfile) -> Iterator[Spec]:
    """A loaded object can be saved and restored again.

    Why: a loaded object differs from the saved one in some detail, and the next `save` handles it
    differently (onnx/onnx#3157).
    What to do: return an object that is equal to the saved one in everything that `save` uses.
    """
    yield NamedScenario("process/resave", profile.subject())


@_process("load-twice")
def load_twice(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file twice returns two objects, and a write to one changes neither the other nor the file.

    Why: a loader that caches its result, or maps the file into memory, returns the same
    memory again (safetensors/safetensors#395).
    What to do: return new memory at each call.
    """
    yield NamedScenario("process/load-twice", profile.subject())


@_process("delete-after-load")
def delete_after_load(profile: FormatProfile) -> Iterator[Spec]:
    """A loaded object is still complete after the file is deleted.

    Why: data that is read only when it is used is lost with the file (joblib/joblib#853).
    What to do: read everything, or keep the file open.
    """
    yield NamedScenario("process/delete-after-load", profile.subject())


@_process("change-after-save")
def change_after_save(profile: FormatProfile) -> Iterator[Spec]:
    """A write to a tensor after `save` has returned does not change the file.

    Why: a thread that writes in the background writes the values that training has changed in the
    meantime (Lightning-AI/pytorch-lightning#21079, pytorch/pytorch#144657, pytorch/torchtitan#930).
    What to do: copy everything before `save` returns, small tensors and scalars too.
    """
    yield NamedScenario("process/change-after-save", profile.subject())
    if profile.saves_trees:
        yield NamedScenario("process/change-after-save", profile.tree_of(TensorSpec("float32", (), fill=Fill(51))))
    yield NamedScenario("process/change-after-save", profile.subject(size=1 << 16))


@_process("change-after-load")
def change_after_load(profile: FormatProfile) -> Iterator[Spec]:
    """A loaded object does not change when another checkpoint is saved at the same path.

    Why: memory that is mapped to the file changes with it, and a process that uses it is killed if
    the file becomes shorter (safetensors/safetensors#395, python/cpython#84897,
    meta-pytorch/torchtune#1075).
    What to do: copy mapped memory; or write to a temporary file and rename it.
    """
    yield NamedScenario("process/change-after-load", profile.subject(1, 1 << 12), profile.subject(2, 1 << 12))


@_process("moved")
def moved(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint that was moved to another folder is restored from there, with another current directory.

    Why: a path that is stored in the checkpoint points to the old place (onnx/onnx#3157).
    What to do: store names relative to the checkpoint.
    """
    yield NamedScenario("process/moved", profile.subject())


@_process("two-writers")
def two_writers(profile: FormatProfile) -> Iterator[Spec]:
    """After two processes have saved at the same path at the same time, one of the two checkpoints is restored completely.

    Why: both use the same temporary name, or write in place, and the file is a mixture of the two
    (ROCm/pytorch#3659, pytorch/pytorch#38643).
    What to do: write to a temporary name that no other process uses, and rename.
    """
    yield NamedScenario("process/two-writers", profile.subject(1, 1 << 13, 6), profile.subject(2, 1 << 13, 6))


@_process("reader-beside-writer")
def reader_beside_writer(profile: FormatProfile) -> Iterator[Spec]:
    """A process that loads while another one saves gets the old or the new checkpoint completely.

    Why: an evaluation job that waits for checkpoints reads an incomplete one
    (pytorch/pytorch#38643, google/orbax#2561).
    What to do: write to a temporary file, and rename it.
    """
    yield NamedScenario("process/reader-beside-writer", profile.subject(1, 1 << 13, 6), profile.subject(2, 1 << 13, 6))


@_process("threads")
def threads(profile: FormatProfile) -> Iterator[Spec]:
    """Threads that save and load at the same time, each at a different path, get their own values.

    Why: a buffer, the current directory or a temporary name that all threads use mixes their data.
    What to do: do not share state between calls.
    """
    yield NamedScenario("process/threads", profile.subject(1, 1 << 12))


@_process("memory", level=EXTENDED)
def memory(profile: FormatProfile) -> Iterator[Spec]:
    """Saving and loading use at most three times the bytes of the values as additional memory, at the peak.

    The peak is compared with the memory of the process just before the call. Before saving, this
    includes the values.

    Why: copies of copies end a job that has just enough memory (numpy/numpy#5902,
    shootthesound/Fizgig#143).
    What to do: write one tensor after the other, directly from its memory.
    """
    yield NamedScenario("process/memory", profile.subject(1, 1 << 22), profile.subject(1, 1 << 10))


@_process("leaks", level=EXTENDED)
def leaks(profile: FormatProfile) -> Iterator[Spec]:
    """Saving one object 200 times leaks no files, memory, threads, processes or descriptors.

    The numbers after 200 saves are compared with those after 100. The limit is a tenth of a file,
    thread, process or descriptor for each save, and a quarter of the bytes of the values.

    Why: each save leaks a little, and a job of several weeks ends without memory or descriptors
    (google/orbax#1713, howervoo/speechturn#15).
    What to do: close what you open, and do not keep references.
    """
    yield NamedScenario("process/leaks", profile.subject(1, 1 << 15))
