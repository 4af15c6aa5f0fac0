"""The family `files`: what saving does to the disk, and to the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..specs import DictSpec, Fill, ListSpec, NamedScenario, Spec, TensorSpec, UnsavableSpec
from ..specs.paths import NAMES
from ..verdicts import Verdict
from .base import CORE, EXTENDED, Check, Examples, FormatProfile, check
from .process import CONTENT

#: How many float32 are about 1 MiB, in one tensor; a model of two layers has five tensors' worth of each of its units.
_MIB = 1 << 18
#: How full a disk is, that is, how long a file may get.
_FULL = ("no byte", "half", "all but one byte", "half, at a new path", "a disk that is full")


def _loads(scene: NamedScenario) -> Iterable[Spec]:
    """What has to come back where nothing else happens, before a scene says anything."""
    return [scene.saved] if scene.other is None or _cannot_be_saved(scene.other) else [scene.saved, scene.other]


def _cannot_be_saved(spec: Spec) -> bool:
    return any(isinstance(each, UnsavableSpec) for each in (spec, *getattr(spec, "children", tuple)()))


def _files(
    case: str, *, level: str = CORE, allows: Iterable[Verdict] = (), apart: bool = False
) -> Callable[[Examples], Check]:  # fmt: skip
    return check(f"files/{case}", level=level, judges=CONTENT, premise=_loads, allows=allows, apart=apart)


#: Where an error is a right answer, if it harms nothing.
_OR_RAISES = frozenset({Verdict.REFUSED})


@_files("overwrite-smaller", allows=_OR_RAISES)
def overwrite_smaller(asking: FormatProfile) -> Iterator[Spec]:
    """What is saved over a larger checkpoint of the same structure, or over one of the same size, is what comes back.

    The old one was loaded before; once, ten others were saved there earlier. Where `save` refuses to write over a checkpoint, the old
    one has to be whole.

    Why: the file is not cut before it is written, or what is new is added at its end (onnx/onnx#6497); forced to write over what
    is there, the library does not (google/orbax#2657); of several that are kept, another than the last is loaded
    (PrimeIntellect-ai/prime-rl#1762, deepset-ai/FARM#282).
    What to do: write a new file beside the old one, and rename it.
    """
    yield NamedScenario("files/overwrite-smaller", asking.subject(1), asking.subject(2))
    yield NamedScenario("files/overwrite-smaller", asking.subject(1), asking.subject(2, 1 << 12))
    yield NamedScenario("files/overwrite-smaller", asking.subject(1), asking.subject(2), how="the twelfth")


@_files("overwrite-other-structure", allows=_OR_RAISES)
def overwrite_other_structure(asking: FormatProfile) -> Iterator[Spec]:
    """What is saved over a checkpoint with other keys, fewer or more leaves, or other shapes and dtypes, is what comes back.

    Why: shards of the old checkpoint stay, and the loader finds them (huggingface/diffusers#14769, Blaizzy/mlx-vlm#1827,
    keras-team/keras#4875, huggingface/diffusers#14719).
    What to do: write the whole checkpoint anew, and take away what the old one had beyond it.
    """
    for saved, other in _of_other_structure(asking):
        yield NamedScenario("files/overwrite-other-structure", saved, other)
        yield NamedScenario("files/overwrite-other-structure", other, saved)


def _of_other_structure(asking: FormatProfile) -> Iterator[tuple[Spec, Spec]]:
    if not asking.trees:
        yield asking.subject(1), asking.subject(2, leaves=3)
        return
    yield asking.subject(1, leaves=1), asking.carry(TensorSpec("int32", (3, 2), fill=Fill(21)))
    if asking.domain != "tensor":
        yield asking.subject(1), asking.subject(2, leaves=5)
    if asking.domain in ("dict", "tree"):
        tensors = [TensorSpec("float32", (4,), fill=Fill(31 + leaf)) for leaf in range(3)]
        yield asking.subject(1), DictSpec(tuple(zip(("a", "x", "b"), tensors, strict=True)))
    if asking.domain == "tree":
        yield asking.subject(1), DictSpec((("x", asking.subject(2)), ("y", asking.subject(3))))


@_files("overwrite-other-kind", allows=_OR_RAISES)
def overwrite_other_kind(asking: FormatProfile) -> Iterator[Spec]:
    """What is saved where something of another kind stands comes back: a foreign file, a folder, a list where a dict comes.

    Where `save` refuses, everything that stood there has to be as it was.

    Why: what is left of the one kind is read for the other (keras-team/keras#4875, huggingface/diffusers#2038).
    What to do: take away what stands at the path, or raise before anything is changed.
    """
    for how in ("a foreign file", "an empty folder", "a folder with a foreign file"):
        yield NamedScenario("files/overwrite-other-kind", asking.subject(1), how=how)
    if asking.trees and asking.domain == "tree":
        a_list = ListSpec(tuple(TensorSpec("float32", (8,), fill=Fill(41 + leaf)) for leaf in range(3)))
        yield NamedScenario("files/overwrite-other-kind", asking.subject(1), a_list)
        yield NamedScenario("files/overwrite-other-kind", a_list, asking.subject(1))


@_files("neighbours")
def neighbours(asking: FormatProfile) -> Iterator[Spec]:
    """Files beside the checkpoint stay as they are, and so do one whose name differs after its last dot alone, and one in another folder.

    A format owns the path that it was given, and names that begin with it; nothing else.

    Why: a suffix is taken off that is none, so that v1.2 and v1.3 are one file (RyanCodrai/turbovec#200); a pattern for
    what may be removed finds more than it should (huggingface/diffusers#14719, google/flax#1120, deepset-ai/FARM#282).
    What to do: add to the path's name, never take from it; remove only what was written under that name.
    """
    yield NamedScenario("files/neighbours", asking.subject(1), asking.subject(2))


@_files("path-str", level=EXTENDED, allows=_OR_RAISES)
def path_str(asking: FormatProfile) -> Iterator[Spec]:
    """A path that is given as text is that path, or an error; what was saved by the one comes back by the other.

    `save` and `load` are promised a `pathlib.Path`, so an error is right.

    Why: a suffix is added to text and not to a path, or in saving and not in loading (numpy/numpy#9929).
    What to do: make a path of what was given, first of all.
    """
    yield NamedScenario("files/path-str", asking.subject())


@_files("path-object")
def path_object(asking: FormatProfile) -> Iterator[Spec]:
    """A path of a class that is derived from `pathlib.Path`, or one that leads through a link, is the place that it leads to.

    What was saved by the one is loaded by the plain, resolved path, and the other way.

    Why: where something lies is written down, or looked up, as one way of saying it (onnx/onnx#3157).
    What to do: leave it to the operating system to tell which file a path means.
    """
    yield NamedScenario("files/path-object", asking.subject(), how="a class of its own")
    yield NamedScenario("files/path-object", asking.subject(), how="a link")


@_files("path-space")
def path_space(asking: FormatProfile) -> Iterator[Spec]:
    """A checkpoint comes back from a path with spaces and other characters that mean something to a shell.

    Why: a path becomes a part of a command, a URL or a list of words.
    What to do: pass paths as they are.
    """
    yield from _named("path-space", asking)


@_files("path-unicode")
def path_unicode(asking: FormatProfile) -> Iterator[Spec]:
    """A checkpoint comes back from a path with letters of any script, combining marks and emoji.

    Why: a path goes through a narrow encoding (pytorch/pytorch#103949), or through another writer that cuts the file
    (pytorch/pytorch#185098).
    What to do: hand the name to the operating system as bytes, by `os.fsencode`; normalize nothing.
    """
    yield from _named("path-unicode", asking)


@_files("path-dots")
def path_dots(asking: FormatProfile) -> Iterator[Spec]:
    """A checkpoint comes back from a path with dots in its name, at its beginning too.

    Why: what follows a dot is taken for a suffix (RyanCodrai/turbovec#200), and names that begin with one are overlooked
    (ray-project/ray#12453).
    What to do: add to the path's name, never replace what follows a dot.
    """
    yield from _named("path-dots", asking)


@_files("path-glob")
def path_glob(asking: FormatProfile) -> Iterator[Spec]:
    """A checkpoint comes back from a path with characters of patterns, beside another that the pattern would find.

    Why: a path is looked up as a pattern, which does not find itself (tensorflow/tensorflow#34290,
    tensorflow/tensorflow#35489).
    What to do: list the folder and compare names, or use `glob.escape`.
    """
    for how in NAMES["path-glob"]:
        yield NamedScenario("files/path-glob", asking.subject(1), asking.subject(2), how=how)


def _named(case: str, asking: FormatProfile) -> Iterator[Spec]:
    for how in NAMES[case]:
        yield NamedScenario(f"files/{case}", asking.subject(), how=how)


@_files("path-relative")
def path_relative(asking: FormatProfile) -> Iterator[Spec]:
    """A path that begins at the current directory is that path.

    Why: a folder and a name are joined wrongly, so that the file lands elsewhere (NeVerTools/pyNeVer#1), or the current
    directory is another when it is written.
    What to do: make the path absolute when it is given, before anything else happens.
    """
    for how in ("model", "folder/model"):
        yield NamedScenario("files/path-relative", asking.subject(), how=how)


@_files("missing-parent", allows=_OR_RAISES)
def missing_parent(asking: FormatProfile) -> Iterator[Spec]:
    """Saving into a folder that is not there works, or is an error; what was saved comes back.

    Why: what cannot be written is passed over, or lands elsewhere (NeVerTools/pyNeVer#1, karpathy/nanochat#336).
    What to do: make the folders, or raise.
    """
    yield NamedScenario("files/missing-parent", asking.subject())


@_files("failed-save-keeps-old", allows=_OR_RAISES)
def failed_save_keeps_old(asking: FormatProfile) -> Iterator[Spec]:
    """A save that fails at its last leaf leaves the checkpoint that was there as it was.

    Why: the file is opened, and so emptied, before all is known to be well (CanReader/FastNN#13,
    harvard-edge/cs249r_book#2068, google/orbax#605).
    What to do: write to a new file beside the old one, and rename it when it is finished.
    """
    yield NamedScenario("files/failed-save-keeps-old", asking.subject(1), _unsavable(asking))
    yield NamedScenario("files/failed-save-keeps-old", asking.subject(1), _unsavable(asking, 1 << 14))


def _unsavable(asking: FormatProfile, size: int = 8) -> Spec:
    """Something whose last leaf cannot be saved; of a model that is for whoever builds it to see to."""
    if not asking.trees:
        return asking.subject(2, size)
    tensors = (TensorSpec("float32", (size,), fill=Fill(20 + leaf)) for leaf in range(asking.fitting(2)))
    return UnsavableSpec() if asking.domain == "tensor" else asking.carry(*tensors, UnsavableSpec())


@_files("disk-full", allows=_OR_RAISES, apart=True)
def disk_full(asking: FormatProfile) -> Iterator[Spec]:
    """Where the disk is full, saving is an error, and the checkpoint that was there comes back; what saves without an error
    comes back too.

    A file may get no byte, half of what it needs, or all but one byte; and a small disk of its own is full, where the machine
    lets one be mounted.

    Why: an error of a write is passed over, and a checkpoint is taken for saved (MrNeRF/LichtFeld-Studio#718,
    keras-team/keras#23609); the file that was there was emptied first (CanReader/FastNN#13).
    What to do: let errors of write, flush, sync and close pass; write beside, and rename.
    """
    for how in _FULL:
        yield NamedScenario("files/disk-full", asking.subject(1, 1 << 14), asking.subject(2, 1 << 10), how)


@_files("read-only-dir", allows=_OR_RAISES, apart=True)
def read_only_dir(asking: FormatProfile) -> Iterator[Spec]:
    """In a folder that cannot be written to, saving is an error, or works; the checkpoint that was there comes back unless it does.

    Why: an error is passed over, and nothing was saved (MrNeRF/LichtFeld-Studio#718, keras-team/keras#23609); what was there
    is taken away first.
    What to do: let errors of the operating system pass.
    """
    yield NamedScenario("files/read-only-dir", asking.subject(1))
    yield NamedScenario("files/read-only-dir", asking.subject(1), asking.subject(2))


@_files("no-leftovers", level=EXTENDED)
def no_leftovers(asking: FormatProfile) -> Iterator[Spec]:
    """When a save is over, also one that failed, nothing is left but names that begin with the path's, and none of these is temporary.

    Nothing is left in the current directory or among temporary files, after loading either. Of the format's own names there are
    no more after the same was saved again; and one that says that it is temporary is needed to load.

    Why: a temporary file is left by each save that fails, and fills the disk (howervoo/speechturn#15).
    What to do: remove temporary files whatever happens, and make them beside the path, with its name at their beginning.
    """
    yield NamedScenario("files/no-leftovers", asking.subject(1), _unsavable(asking))


@_files("no-side-effects")
def no_side_effects(asking: FormatProfile) -> Iterator[Spec]:
    """Saving and loading leave as they were the tree or model that was saved, and what all code of the process shares; loading also
    the checkpoint's files.

    Shared are: the current directory, umask, environment, state of random and numpy.random, numpy's treatment of errors and way of
    printing, handlers of signals, blocked signals and alarms, sys.path, standard streams and hooks, builtins.open, limits of the
    interpreter and of open files, time of sockets, place of temporary files, locale, filters of warnings, the root logger, and
    whether and when garbage is collected. What a first use changes does not count.

    Why: `save` leaves something else in the model than was there (harubaru/waifu-diffusion#31,
    atomistic-machine-learning/schnetpack#785, pytorch/pytorch#188166).
    What to do: work on copies; put back what has to be set; open files for reading.
    """
    yield NamedScenario("files/no-side-effects", asking.subject())


@_files("deterministic", level=EXTENDED, apart=True)
def deterministic(asking: FormatProfile) -> Iterator[Spec]:
    """The same gives the same bytes and names of files, two seconds later, and in another process.

    Why: the order of a set or of a hashed map, a time or an address is written down (safetensors/safetensors#42,
    safetensors/safetensors#584, metatensor/metatensor#1185, pytorch/pytorch#39383, pytorch/pytorch#184219).
    What to do: sort what has no order; leave out times, addresses and drawn names.
    """
    yield NamedScenario("files/deterministic", asking.subject(leaves=6))


@_files("size", level=EXTENDED)
def size(asking: FormatProfile) -> Iterator[Spec]:
    """About 1 MiB of values takes at most one and a half times its bytes, and 64 KiB, on disk; also when it was saved three
    times at one path.

    The values are drawn, so that they cannot be compressed. What each of many small leaves may take is not asked.

    Why: values are written as text or twice (huggingface/transformers#33780, apache/mxnet#16582), or added to the file that is
    there (onnx/onnx#6497).
    What to do: write the elements as they stand in memory, once, into a new file.
    """
    whole = asking.subject(size=_MIB // asking.fitting(2)) if asking.trees else asking.subject(size=_MIB // 5)
    yield NamedScenario("files/size", whole)
    yield NamedScenario("files/size", whole, how="three times")
