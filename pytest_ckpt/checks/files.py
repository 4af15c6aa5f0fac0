"""The family `files`: what saving does to the files on disk, and to the state of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..specs import DictSpec, Fill, ListSpec, NamedScenario, Spec, TensorSpec, UnsavableSpec
from ..specs.paths import NAMES
from ..verdicts import Verdict
from .base import CORE, EXTENDED, MODEL, TREE, Check, Examples, check
from .process import CONTENT
from .profile import FormatProfile

#: Number of float32 elements in 1 MiB. A model of two layers has about five tensors of that many.
_MIB = 1 << 18
#: How much of a file can be written before the disk is full.
_FULL = ("no byte", "half", "all but one byte", "half, at a new path", "a disk that is full")


def _premise(scenario: NamedScenario) -> Iterable[Spec]:
    """Return what must be restored in an ordinary round trip first."""
    return [scenario.saved] if scenario.other is None or _is_unsavable(scenario.other) else [scenario.saved, scenario.other]


def _is_unsavable(spec: Spec) -> bool:
    return any(isinstance(each, UnsavableSpec) for each in (spec, *getattr(spec, "children", tuple)()))


def _files(case: str, *, level: str = CORE, allows: Iterable[Verdict] = (), needs_worker: bool = False) -> Callable[[Examples], Check]:
    return check(
        f"files/{case}", level=level, judges=CONTENT, premise=_premise, allows=allows, needs_worker=needs_worker, subjects={TREE, MODEL}
    )  # fmt: skip


#: For cases in which an error of `save` is correct if nothing is damaged.
_OR_RAISES = frozenset({Verdict.REFUSED})


@_files("overwrite-smaller", allows=_OR_RAISES)
def overwrite_smaller(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint that is saved over another one of the same structure, larger or of the same size, is restored.

    The old checkpoint is loaded before. In one example, ten others were saved at the same path
    earlier. If `save` raises because the path exists, the old checkpoint must still be complete.

    Why: the file is not truncated before it is written, or new data is appended (onnx/onnx#6497);
    the library does not overwrite, although it is requested to (google/orbax#2657); of several
    checkpoints, the wrong one is loaded (PrimeIntellect-ai/prime-rl#1762, deepset-ai/FARM#282).
    What to do: write a new file, and rename it over the old one.
    """
    yield NamedScenario("files/overwrite-smaller", profile.subject(1), profile.subject(2))
    yield NamedScenario("files/overwrite-smaller", profile.subject(1), profile.subject(2, 1 << 12))
    yield NamedScenario("files/overwrite-smaller", profile.subject(1), profile.subject(2), how="the twelfth")


@_files("overwrite-other-structure", allows=_OR_RAISES)
def overwrite_other_structure(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint that is saved over another one with other keys, leaves, shapes or dtypes is restored.

    Why: shards of the old checkpoint remain, and the loader finds them
    (huggingface/diffusers#14769, Blaizzy/mlx-vlm#1827, keras-team/keras#4875,
    huggingface/diffusers#14719).
    What to do: write the whole checkpoint again, and delete files of the old one that are not part
    of the new one.
    """
    for saved, other in _other_structures(profile):
        yield NamedScenario("files/overwrite-other-structure", saved, other)
        yield NamedScenario("files/overwrite-other-structure", other, saved)


def _other_structures(profile: FormatProfile) -> Iterator[tuple[Spec, Spec]]:
    if not profile.saves_trees:
        yield profile.subject(1), profile.subject(2, leaves=3)
        return
    yield profile.subject(1, leaves=1), profile.tree_of(TensorSpec("int32", (3, 2), fill=Fill(21)))
    if profile.domain != "tensor":
        yield profile.subject(1), profile.subject(2, leaves=5)
    if profile.domain in ("dict", "tree"):
        tensors = [TensorSpec("float32", (4,), fill=Fill(31 + leaf)) for leaf in range(3)]
        yield profile.subject(1), DictSpec(tuple(zip(("a", "x", "b"), tensors, strict=True)))
    if profile.domain == "tree":
        yield profile.subject(1), DictSpec((("x", profile.subject(2)), ("y", profile.subject(3))))


@_files("overwrite-other-kind", allows=_OR_RAISES)
def overwrite_other_kind(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint that is saved over something else is restored: over an unrelated file or folder, or a list over a dict.

    If `save` raises, everything at the path must be unchanged.

    Why: what remains of the old files is read as part of the new checkpoint (keras-team/keras#4875,
    huggingface/diffusers#2038).
    What to do: delete what exists at the path, or raise before anything is changed.
    """
    for how in ("a foreign file", "an empty folder", "a folder with a foreign file"):
        yield NamedScenario("files/overwrite-other-kind", profile.subject(1), how=how)
    if profile.saves_trees and profile.domain == "tree":
        a_list = ListSpec(tuple(TensorSpec("float32", (8,), fill=Fill(41 + leaf)) for leaf in range(3)))
        yield NamedScenario("files/overwrite-other-kind", profile.subject(1), a_list)
        yield NamedScenario("files/overwrite-other-kind", a_list, profile.subject(1))


@_files("neighbours")
def neighbours(profile: FormatProfile) -> Iterator[Spec]:
    """Saving does not change other files, even if their names differ only after the last dot or they are in another folder.

    A format may use the path that it is given, and names that begin with it. All other names
    belong to the user.

    Why: a part of the name is removed as if it were a suffix, so v1.2 and v1.3 are the same file
    (RyanCodrai/turbovec#200); a pattern for files to delete matches too many
    (huggingface/diffusers#14719, google/flax#1120, deepset-ai/FARM#282).
    What to do: append to the name of the path, never remove from it, and delete only files
    that were written under that name.
    """
    yield NamedScenario("files/neighbours", profile.subject(1), profile.subject(2))


@_files("path-str", level=EXTENDED, allows=_OR_RAISES)
def path_str(profile: FormatProfile) -> Iterator[Spec]:
    """A path given as a str means the same file as a `pathlib.Path`, or raises.

    A checkpoint that is saved by the one is loaded by the other. The documented type is
    `pathlib.Path`, so an error is correct.

    Why: a suffix is appended to a str but not to a Path, or in `save` but not in `load`
    (numpy/numpy#9929).
    What to do: convert the argument to a Path first.
    """
    yield NamedScenario("files/path-str", profile.subject())


@_files("path-object")
def path_object(profile: FormatProfile) -> Iterator[Spec]:
    """A path of a subclass of `pathlib.Path`, or a path with a symbolic link, means the file that it resolves to.

    A checkpoint that is saved by such a path is loaded by the plain, resolved path, and vice versa.

    Why: the location of a file is stored or looked up in only one of its spellings (onnx/onnx#3157).
    What to do: let the operating system decide which file a path means.
    """
    yield NamedScenario("files/path-object", profile.subject(), how="a class of its own")
    yield NamedScenario("files/path-object", profile.subject(), how="a link")


@_files("path-space")
def path_space(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint is restored from a path with spaces and other characters that are special in a shell.

    Why: a path becomes part of a command, a URL or a list of words.
    What to do: pass paths unchanged.
    """
    yield from _named("path-space", profile)


@_files("path-unicode")
def path_unicode(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint is restored from a path with letters of any script, combining characters and emoji.

    Why: a path is converted to a limited encoding (pytorch/pytorch#103949), or handled by another
    writer that truncates the file (pytorch/pytorch#185098).
    What to do: pass the name to the operating system as bytes from `os.fsencode`, without Unicode
    normalization.
    """
    yield from _named("path-unicode", profile)


@_files("path-dots")
def path_dots(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint is restored from a path with dots in its name, also at its start.

    Why: text after a dot is taken for a suffix (RyanCodrai/turbovec#200), and names that begin with
    a dot are ignored (ray-project/ray#12453).
    What to do: append to the name of the path, and do not replace what follows a dot.
    """
    yield from _named("path-dots", profile)


@_files("path-glob")
def path_glob(profile: FormatProfile) -> Iterator[Spec]:
    """A checkpoint is restored from a path with characters of glob patterns, if another file matches the pattern too.

    Why: a path is used as a pattern, which does not match the path itself
    (tensorflow/tensorflow#34290, tensorflow/tensorflow#35489).
    What to do: list the folder and compare names, or use `glob.escape`.
    """
    for how in NAMES["path-glob"]:
        yield NamedScenario("files/path-glob", profile.subject(1), profile.subject(2), how=how)


def _named(case: str, profile: FormatProfile) -> Iterator[Spec]:
    for how in NAMES[case]:
        yield NamedScenario(f"files/{case}", profile.subject(), how=how)


@_files("path-relative")
def path_relative(profile: FormatProfile) -> Iterator[Spec]:
    """A relative path means the file relative to the current directory.

    Why: a folder and a name are joined incorrectly, so the file is written elsewhere
    (NeVerTools/pyNeVer#1), or the current directory has changed when it is written.
    What to do: make the path absolute first.
    """
    for how in ("model", "folder/model"):
        yield NamedScenario("files/path-relative", profile.subject(), how=how)


@_files("missing-parent", allows=_OR_RAISES)
def missing_parent(profile: FormatProfile) -> Iterator[Spec]:
    """Saving into a folder that does not exist raises, or creates the folder and a checkpoint that is restored.

    Why: the error of a write is ignored, or the file is written elsewhere (NeVerTools/pyNeVer#1,
    karpathy/nanochat#336).
    What to do: create the folders, or raise.
    """
    yield NamedScenario("files/missing-parent", profile.subject())


@_files("failed-save-keeps-old", allows=_OR_RAISES)
def failed_save_keeps_old(profile: FormatProfile) -> Iterator[Spec]:
    """A `save` that fails at the last leaf does not change the existing checkpoint.

    Why: the file is opened, and thereby truncated, before all data is known to be valid
    (CanReader/FastNN#13, harvard-edge/cs249r_book#2068, google/orbax#605).
    What to do: write to a temporary file, and rename it when it is complete.
    """
    yield NamedScenario("files/failed-save-keeps-old", profile.subject(1), _unsavable(profile))
    yield NamedScenario("files/failed-save-keeps-old", profile.subject(1), _unsavable(profile, 1 << 14))


def _unsavable(profile: FormatProfile, size: int = 8) -> Spec:
    """Return a tree whose last leaf cannot be saved. A model is made unsavable when it is built."""
    if not profile.saves_trees:
        return profile.subject(2, size)
    tensors = (TensorSpec("float32", (size,), fill=Fill(20 + leaf)) for leaf in range(profile.leaf_count(2)))
    return UnsavableSpec() if profile.domain == "tensor" else profile.tree_of(*tensors, UnsavableSpec())


@_files("disk-full", allows=_OR_RAISES, needs_worker=True)
def disk_full(profile: FormatProfile) -> Iterator[Spec]:
    """On a full disk, `save` raises and the old checkpoint is restored, or it succeeds and the new one is restored.

    The space for a file is zero bytes, half of its size, or all but one byte. In another example, a small
    disk is full, if this machine can mount one.

    Why: an error of a write is ignored, and the checkpoint counts as saved
    (MrNeRF/LichtFeld-Studio#718, keras-team/keras#23609); the old file is truncated first
    (CanReader/FastNN#13).
    What to do: do not catch errors of write, flush, fsync and close. Write to a temporary file, and
    rename it.
    """
    for how in _FULL:
        yield NamedScenario("files/disk-full", profile.subject(1, 1 << 14), profile.subject(2, 1 << 10), how)


@_files("read-only-dir", allows=_OR_RAISES, needs_worker=True)
def read_only_dir(profile: FormatProfile) -> Iterator[Spec]:
    """In a read-only folder, `save` raises and the old checkpoint is restored, or it succeeds and the new one is restored.

    Why: an error is ignored, and nothing is saved (MrNeRF/LichtFeld-Studio#718,
    keras-team/keras#23609); or the old checkpoint is deleted first.
    What to do: do not catch errors of the operating system.
    """
    yield NamedScenario("files/read-only-dir", profile.subject(1))
    yield NamedScenario("files/read-only-dir", profile.subject(1), profile.subject(2))


@_files("no-leftovers", level=EXTENDED)
def no_leftovers(profile: FormatProfile) -> Iterator[Spec]:
    """After `save`, also one that fails, no temporary files are left.

    All new names begin with the name of the path. Nothing is left in the current directory or in
    the folder for temporary files, after loading too. A second save of the same object adds no
    names. A name that looks temporary must be necessary for loading.

    Why: each failed save leaves a temporary file, until the disk is full (howervoo/speechturn#15).
    What to do: delete temporary files in a `finally` block, and create them next to the path, with
    names that begin with its name.
    """
    yield NamedScenario("files/no-leftovers", profile.subject(1), _unsavable(profile))


@_files("no-side-effects")
def no_side_effects(profile: FormatProfile) -> Iterator[Spec]:
    """Saving and loading change neither the saved object nor the global state of the process; loading does not change the files.

    The global state is: the current directory, umask, environment variables, the states of `random`
    and `numpy.random`, the error handling and print options of NumPy, signal handlers, blocked
    signals and alarms, `sys.path`, standard streams and hooks, `builtins.open`, limits of the
    interpreter and of open files, the socket timeout, the folder for temporary files, the locale,
    warning filters, the root logger, and the settings of garbage collection. What only the first
    use of a library changes does not count.

    Why: `save` leaves a model that differs from the one before (harubaru/waifu-diffusion#31,
    atomistic-machine-learning/schnetpack#785, pytorch/pytorch#188166).
    What to do: work on copies, restore every setting that you change, and open files read-only to
    load them.
    """
    yield NamedScenario("files/no-side-effects", profile.subject())


@_files("deterministic", level=EXTENDED, needs_worker=True)
def deterministic(profile: FormatProfile) -> Iterator[Spec]:
    """Saving the same object again, two seconds later and in another process, writes the same files and bytes.

    Why: the order of a set or a hash table, a time or an address is written
    (safetensors/safetensors#42, safetensors/safetensors#584, metatensor/metatensor#1185,
    pytorch/pytorch#39383, pytorch/pytorch#184219).
    What to do: sort everything without an order, and do not write times, addresses and random names.
    """
    yield NamedScenario("files/deterministic", profile.subject(leaves=6))


@_files("size", level=EXTENDED)
def size(profile: FormatProfile) -> Iterator[Spec]:
    """About 1 MiB of values takes at most 1.5 times its bytes plus 64 KiB on disk, also if it is saved three times.

    The values are random, so they cannot be compressed. The overhead of many small leaves is not
    checked.

    Why: values are written as text or twice (huggingface/transformers#33780, apache/mxnet#16582),
    or are appended to the existing file (onnx/onnx#6497).
    What to do: write the bytes of the elements once, into a new file.
    """
    whole = profile.subject(size=_MIB // profile.leaf_count(2)) if profile.saves_trees else profile.subject(size=_MIB // 5)
    yield NamedScenario("files/size", whole)
    yield NamedScenario("files/size", whole, how="three times")
