"""The family `corruption`: where copies are damaged, how they are judged, and when checks are skipped."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

import pytest_ckpt.specs as specs
from pytest_ckpt import Format, check_format
from pytest_ckpt.checks import CHECKS
from pytest_ckpt.execution.corruption.places import CASES, boundaries, flips
from pytest_ckpt.execution.dispatch import expand
from pytest_ckpt.execution.snapshot import Block, Snapshot, Span, matching_files
from pytest_ckpt.runner import Runner
from pytest_ckpt.specs import (
    Appended,
    AttackCase,
    AttackSweep,
    Damage,
    DamageCase,
    DamageSweep,
    Exchanged,
    Flipped,
    Missing,
    Spliced,
    Swapped,
    TensorSpec,
    Truncated,
    Zeroed,
    from_json,
    to_json,
)
from pytest_ckpt.verdicts import Verdict

from .faults.checksummed import checksummed_format, decode, encode, verify_checksum
from .faults.corruption import sharded_format, skip_checksum

TENSOR = TensorSpec("float32", (2,))
VALUES = bytes(range(1, 33))
DAMAGES: tuple[Damage, ...] = (
    Truncated("checkpoint", 3), Flipped("checkpoint", 4, 7), Zeroed("checkpoint", 0, 8), Swapped("checkpoint", 0, 8, 8),
    Appended("checkpoint", "noise", 4), Missing("checkpoint", "x"), Exchanged("checkpoint", "x"), Spliced("checkpoint", 5),
)  # fmt: skip


def snapshot_of(**files: bytes) -> Snapshot:
    """Return a snapshot with these files, of a checkpoint with one tensor of 32 bytes."""
    named = {name.replace("_", "."): data for name, data in files.items()}
    return Snapshot("checkpoint", named, (), {}, (Block((8,), 32, (VALUES,)),))


@pytest.mark.parametrize(
    "spec",
    [
        *(DamageCase(TENSOR, damage, TENSOR) for damage in DAMAGES),
        DamageSweep("corruption/empty", TENSOR, count=5),
        AttackSweep("security/code", TENSOR, TENSOR),
        AttackCase("security/code", "an attack", "checkpoint", TENSOR, "member", TENSOR),
    ],
    ids=lambda spec: type(getattr(spec, "damage", spec)).__name__,
)
def test_damage_specs_survive_repr_and_json(spec: Any) -> None:
    assert eval(repr(spec), vars(specs).copy()) == spec
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec


def test_thousand_damaged_copies_are_judged(tmp_path: pathlib.Path) -> None:
    check = CHECKS["corruption/bit-flip-payload"]
    with Runner(checksummed_format("numpy", verify=skip_checksum), [check.name], folder=tmp_path) as runner:
        sweep = DamageSweep(check.name, runner.profile.subject(size=256), count=1000)
        copies = list(expand(runner.context, sweep))
        verdicts = [runner.judge(check, copy).verdict for copy in copies]
    assert len(set(copies)) == 1000
    assert verdicts == [Verdict.CHANGED] * 1000
    assert list(tmp_path.iterdir()) == []


def test_counterexample_names_bit_and_can_be_judged_again() -> None:
    format = checksummed_format("numpy", verify=skip_checksum)
    (result,) = check_format(format, select=["corruption/bit-flip-payload"])
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, DamageCase)
    assert isinstance(result.counterexample.damage, Flipped)
    damage = result.counterexample.damage
    assert f"bit {damage.bit} of byte {damage.byte} of checkpoint is flipped, in the bytes of the saved values" in result.detail
    assert "128 of 128 copies with a flipped bit got CHANGED: load returned other values without an error" in result.detail
    with Runner(format, ["corruption/bit-flip-payload"]) as runner:
        again = runner.judge(CHECKS["corruption/bit-flip-payload"], from_json(to_json(result.counterexample)))
    assert again.verdict is Verdict.CHANGED
    assert again.detail in result.detail


def test_skips_when_damage_no_longer_applies() -> None:
    with Runner(checksummed_format("numpy"), ["corruption/truncate"]) as runner:
        subject = runner.profile.subject()
        for damage in (
            Truncated("gone", 1),
            Flipped("checkpoint", 1 << 20, 0),
            Missing("checkpoint", "member"),
            Swapped("checkpoint", 0, 1 << 20, 8),
        ):
            judged = runner.judge(CHECKS["corruption/truncate"], DamageCase(subject, damage))
            assert judged.verdict is None
            assert judged.skipped
    attacked = AttackCase("security/code", "no such attack", "checkpoint", subject, "", runner.profile.subject(2))
    with Runner(checksummed_format("numpy"), ["security/code"]) as runner:
        assert "no longer has the part" in (runner.judge(CHECKS["security/code"], attacked).skipped or "")


def test_every_run_makes_the_same_copies() -> None:
    format = checksummed_format("numpy")
    for name in CASES:
        copies: list[list[Any]] = []
        for _ in range(2):
            with Runner(format, [name]) as runner:
                copies.append([spec for sweep in CHECKS[name].examples(runner.profile) for spec in expand(runner.context, sweep)])
        assert copies[0] == copies[1]
        assert len(set(copies[0])) == len(copies[0])
        assert len(copies[0]) <= {"corruption/bit-flip-header": 2560, "corruption/bit-flip-payload": 128}.get(name, 80)


# --- locations -----------------------------------------------------------------------------------------------------------------------


def test_flips_every_bit_of_a_short_span() -> None:
    span = Span("checkpoint", 4, 6)
    assert {(flip.byte, flip.bit) for flip in flips([span], 16)} == {(byte, bit) for byte in (4, 5) for bit in range(8)}


def test_flips_bits_in_every_structure_and_position() -> None:
    spans = [Span("checkpoint", 0, 1), Span("checkpoint", 1, 1000), Span("other", 0, 2)]
    found = list(flips(spans, 64))
    assert 60 <= len(found) <= 64
    assert {"checkpoint", "other"} == {flip.file for flip in found}
    assert any(flip.byte == 0 and flip.file == "checkpoint" for flip in found)
    assert {flip.bit for flip in found} == set(range(8))


def test_header_flips_exclude_values_and_padding() -> None:
    snapshot = snapshot_of(checkpoint=b"header" + bytes(100) + VALUES + b"trailer")
    found = {flip.byte for flip in CASES["corruption/bit-flip-header"].find(snapshot, None, 1000)}
    assert set(range(6)) <= found
    assert set(range(138, 145)) <= found
    assert not found & set(range(106, 138)), "these are the values"
    assert not found & set(range(7, 106)), "these are padding, except for the first byte"
    assert {flip.byte for flip in CASES["corruption/bit-flip-payload"].find(snapshot, None, 1000)} == set(range(106, 138))


def test_values_are_found_in_both_byte_orders_and_repeated() -> None:
    snapshot = Snapshot("checkpoint", {"checkpoint": b"a" + VALUES[::-1] + VALUES}, (), {}, (Block((8,), 32, (VALUES, VALUES[::-1])),))
    assert snapshot.values == (Span("checkpoint", 1, 33), Span("checkpoint", 33, 65))
    assert snapshot.structures == (Span("checkpoint", 0, 1),)


def test_truncates_at_and_between_structure_boundaries() -> None:
    snapshot = snapshot_of(checkpoint=b"header" + VALUES + b"trailer")
    sizes = [cut.size for cut in CASES["corruption/truncate"].find(snapshot, None, 64)]
    assert boundaries(snapshot, "checkpoint") == [6, 38]
    assert {1, 6, 38, 44, 22} <= set(sizes)
    assert sizes == sorted(sizes)
    assert 0 not in sizes, "the check corruption/empty tests the empty file"


def test_block_damage_always_changes_the_file() -> None:
    snapshot = snapshot_of(checkpoint=bytes(2048) + VALUES * 16)
    zeroed = list(CASES["corruption/zero-block"].find(snapshot, None, 64))
    assert zeroed
    assert all(each.stop > 2048 for each in zeroed)
    swapped = list(CASES["corruption/swapped-blocks"].find(snapshot, None, 64))
    assert not any(max(each.first, each.second) + each.size <= 2048 for each in swapped)


def test_pairs_renamed_files_by_folder_and_size() -> None:
    first = snapshot_of(index=b"1", **{"d/aaa": b"12", "d/bbb": b"123"})
    second = snapshot_of(index=b"2", **{"d/ccc": b"456", "d/ddd": b"45"})
    assert matching_files(first, second) == {"index": "index", "d/aaa": "d/ddd", "d/bbb": "d/ccc"}


def test_missing_part_removes_each_file_in_turn() -> None:
    with Runner(sharded_format("numpy"), ["corruption/missing-part"]) as runner:
        (sweep,) = CHECKS["corruption/missing-part"].examples(runner.profile)
        found = [spec.damage for spec in expand(runner.context, sweep)]
    assert found == [Missing("checkpoint"), Missing("checkpoint.0"), Missing("checkpoint.1")]


# --- what a format may do -----------------------------------------------------------------------------------------------


def _make_format(save: Callable[[Any, pathlib.Path], Any], load: Callable[[pathlib.Path], Any], **more: Any) -> Format:
    return Format(name="custom", backend="numpy", save=save, load=load, accepts="dict", **more)


def test_skips_when_checkpoint_cannot_be_copied() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        path.with_name(f"{path.name}.data").write_bytes(encode("numpy", tree))
        path.write_text(os.fspath(path.with_name(f"{path.name}.data")))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", verify_checksum(pathlib.Path(path.read_text()).read_bytes()))

    for result in check_format(_make_format(save, load), select=["corruption", "security"]):
        assert result.verdict is None
        assert "is not restored in a worker" in (result.skipped or "")


def test_skips_payload_of_unknown_compression() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(zlib.compress(encode("numpy", tree)))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", verify_checksum(zlib.decompress(path.read_bytes())))

    header, payload = check_format(_make_format(save, load), select=["corruption/bit-flip-header", "corruption/bit-flip-payload"])
    assert header.verdict is Verdict.KEPT
    assert "compressed" in (payload.skipped or "")


def test_flips_values_inside_compressed_member() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", encode("numpy", tree))

    def load(path: pathlib.Path) -> Any:
        with zipfile.ZipFile(path) as archive:
            return decode("numpy", verify_checksum(archive.read("data")))

    (result,) = check_format(_make_format(save, load), select=["corruption/bit-flip-payload"])
    assert result.verdict is Verdict.KEPT
    assert result.examples == 128


def test_passes_when_checkpoint_is_a_symlink() -> None:
    """Content-addressed caches store each file under its checksum, with a link to it."""

    def save(tree: Any, path: pathlib.Path) -> None:
        blob = path.with_name(f"{path.name}.blob")
        blob.write_bytes(encode("numpy", tree))
        path.symlink_to(blob.name)

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", verify_checksum(path.read_bytes()))

    results = check_format(_make_format(save, load), select=["corruption", "security"])
    assert [str(result) for result in results if not result.passed] == []


def test_copies_include_sibling_files_and_empty_folders() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        (path / "empty").mkdir(parents=True)
        (path / "data").write_bytes(encode("numpy", tree))
        path.with_name(f"{path.name}.index").write_text("data")

    def load(path: pathlib.Path) -> Any:
        if not (path / "empty").is_dir():
            raise ValueError("a folder is missing")
        return decode("numpy", verify_checksum((path / path.with_name(f"{path.name}.index").read_text()).read_bytes()))

    results = check_format(_make_format(save, load), select=["corruption"])
    assert [str(result) for result in results if not result.passed] == []
    assert next(result for result in results if result.check == "corruption/missing-part").examples == 4


def test_passes_when_load_repairs_the_damage() -> None:
    """The format stores every file twice."""

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(encode("numpy", tree))
        shutil.copy(path, path.with_name(f"{path.name}.2"))

    def load(path: pathlib.Path) -> Any:
        for name in (path.name, f"{path.name}.2"):
            try:
                return decode("numpy", verify_checksum(path.with_name(name).read_bytes()))
            except (OSError, ValueError):
                continue
        raise ValueError("both are damaged")

    results = check_format(_make_format(save, load), select=["corruption"])
    assert [str(result) for result in results if not result.passed] == []
