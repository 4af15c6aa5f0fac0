"""Damaged copies: where they are damaged, what is said of them, and what is not held against a format."""

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
from pytest_ckpt.execution.corruption.cases import CASES, boundaries, flips, paired
from pytest_ckpt.execution.snapshot import Block, Snapshot, Span
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

from .faults.corruption import sharded, without_checksum
from .faults.sealed import decode, encode, sealed_format, unseal

TENSOR = TensorSpec("float32", (2,))
VALUES = bytes(range(1, 33))
DAMAGES: tuple[Damage, ...] = (
    Truncated("checkpoint", 3), Flipped("checkpoint", 4, 7), Zeroed("checkpoint", 0, 8), Swapped("checkpoint", 0, 8, 8),
    Appended("checkpoint", "noise", 4), Missing("checkpoint", "x"), Exchanged("checkpoint", "x"), Spliced("checkpoint", 5),
)  # fmt: skip


def whole(**files: bytes) -> Snapshot:
    """A checkpoint with one tensor of 32 bytes."""
    named = {name.replace("_", "."): data for name, data in files.items()}
    return Snapshot("checkpoint", named, (), {}, (Block((8,), 32, (VALUES,)),))


@pytest.mark.parametrize(
    "spec",
    [
        *(DamageCase(TENSOR, damage, TENSOR) for damage in DAMAGES),
        DamageSweep("corruption/empty", TENSOR, count=5),
        AttackSweep("security/code", TENSOR, TENSOR),
        AttackCase("security/code", "a way", "checkpoint", TENSOR, "member", TENSOR),
    ],
    ids=lambda spec: type(getattr(spec, "damage", spec)).__name__,
)
def test_what_is_damaged_is_a_spec_like_any_other(spec: Any) -> None:
    assert eval(repr(spec), vars(specs).copy()) == spec
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec


def test_a_thousand_damaged_copies_of_one_checkpoint_are_judged(tmp_path: pathlib.Path) -> None:
    check = CHECKS["corruption/bit-flip-payload"]
    with Runner(sealed_format("numpy", unsealed=without_checksum), [check.name], folder=tmp_path) as runner:
        general = DamageSweep(check.name, runner.asking.subject(size=256), count=1000)
        copies = list(runner.trials.variants(general))
        verdicts = [runner.judge(check, copy).verdict for copy in copies]
    assert len(set(copies)) == 1000
    assert verdicts == [Verdict.CHANGED] * 1000
    assert list(tmp_path.iterdir()) == []


def test_the_counterexample_says_byte_and_bit_and_can_be_asked_again() -> None:
    format = sealed_format("numpy", unsealed=without_checksum)
    (result,) = check_format(format, select=["corruption/bit-flip-payload"])
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, DamageCase)
    assert isinstance(result.counterexample.damage, Flipped)
    damage = result.counterexample.damage
    assert f"bit {damage.bit} of byte {damage.byte} of checkpoint is flipped, in the bytes of the saved values" in result.detail
    assert "128 of 128 copies with a flipped bit got CHANGED: load gave other values and raised nothing" in result.detail
    with Runner(format, ["corruption/bit-flip-payload"]) as runner:
        again = runner.judge(CHECKS["corruption/bit-flip-payload"], from_json(to_json(result.counterexample)))
    assert again.verdict is Verdict.CHANGED
    assert again.detail in result.detail


def test_what_is_not_there_any_more_is_a_skip_that_says_so() -> None:
    with Runner(sealed_format("numpy"), ["corruption/truncate"]) as runner:
        subject = runner.asking.subject()
        for damage in (
            Truncated("gone", 1),
            Flipped("checkpoint", 1 << 20, 0),
            Missing("checkpoint", "member"),
            Swapped("checkpoint", 0, 1 << 20, 8),
        ):
            judged = runner.judge(CHECKS["corruption/truncate"], DamageCase(subject, damage))
            assert judged.verdict is None
            assert judged.skipped
    attacked = AttackCase("security/code", "no such way", "checkpoint", subject, "", runner.asking.subject(2))
    with Runner(sealed_format("numpy"), ["security/code"]) as runner:
        assert "nothing any more" in (runner.judge(CHECKS["security/code"], attacked).skipped or "")


def test_the_same_copies_are_asked_for_in_every_run() -> None:
    format = sealed_format("numpy")
    for name in CASES:
        asked: list[list[Any]] = []
        for _ in range(2):
            with Runner(format, [name]) as runner:
                asked.append([spec for general in CHECKS[name].examples(runner.asking) for spec in runner.trials.variants(general)])
        assert asked[0] == asked[1]
        assert len(set(asked[0])) == len(asked[0])
        assert len(asked[0]) <= {"corruption/bit-flip-header": 2560, "corruption/bit-flip-payload": 128}.get(name, 80)


# --- places -----------------------------------------------------------------------------------------------------------------------


def test_flipped_bits_are_all_bits_where_there_are_no_more_than_asked_for() -> None:
    span = Span("checkpoint", 4, 6)
    assert {(flip.byte, flip.bit) for flip in flips([span], 16)} == {(byte, bit) for byte in (4, 5) for bit in range(8)}


def test_flipped_bits_are_in_every_structure_and_in_every_position() -> None:
    spans = [Span("checkpoint", 0, 1), Span("checkpoint", 1, 1000), Span("other", 0, 2)]
    found = list(flips(spans, 64))
    assert 60 <= len(found) <= 64
    assert {"checkpoint", "other"} == {flip.file for flip in found}
    assert any(flip.byte == 0 and flip.file == "checkpoint" for flip in found)
    assert {flip.bit for flip in found} == set(range(8))


def test_the_header_is_what_is_not_the_values_and_padding_is_left_out() -> None:
    one = whole(checkpoint=b"header" + bytes(100) + VALUES + b"trailer")
    found = {flip.byte for flip in CASES["corruption/bit-flip-header"][0](one, None, 1000)}
    assert set(range(6)) <= found
    assert set(range(138, 145)) <= found
    assert not found & set(range(106, 138)), "these are the values"
    assert not found & set(range(7, 106)), "these are padding, but for the first"
    assert {flip.byte for flip in CASES["corruption/bit-flip-payload"][0](one, None, 1000)} == set(range(106, 138))


def test_values_are_found_in_any_order_of_bytes_and_more_than_once() -> None:
    turned = Snapshot("checkpoint", {"checkpoint": b"a" + VALUES[::-1] + VALUES}, (), {}, (Block((8,), 32, (VALUES, VALUES[::-1])),))
    assert turned.values == (Span("checkpoint", 1, 33), Span("checkpoint", 33, 65))
    assert turned.structures == (Span("checkpoint", 0, 1),)


def test_files_are_cut_off_where_structures_end_and_in_between() -> None:
    one = whole(checkpoint=b"header" + VALUES + b"trailer")
    sizes = [cut.size for cut in CASES["corruption/truncate"][0](one, None, 64)]
    assert boundaries(one, "checkpoint") == [6, 38]
    assert {1, 6, 38, 44, 22} <= set(sizes)
    assert sizes == sorted(sizes)
    assert 0 not in sizes, "an empty file is a check of its own"


def test_blocks_that_change_nothing_are_no_examples() -> None:
    one = whole(checkpoint=bytes(2048) + VALUES * 16)
    zeroed = list(CASES["corruption/zero-block"][0](one, None, 64))
    assert zeroed
    assert all(each.stop > 2048 for each in zeroed)
    swapped = list(CASES["corruption/swapped-blocks"][0](one, None, 64))
    assert not any(max(each.first, each.second) + each.size <= 2048 for each in swapped)


def test_files_with_names_of_their_own_are_paired_by_place_and_length() -> None:
    mine = whole(index=b"1", **{"d/aaa": b"12", "d/bbb": b"123"})
    theirs = whole(index=b"2", **{"d/ccc": b"456", "d/ddd": b"45"})
    assert paired(mine, theirs) == {"index": "index", "d/aaa": "d/ddd", "d/bbb": "d/ccc"}


def test_without_a_file_of_several_each_is_left_out_in_turn() -> None:
    with Runner(sharded("numpy"), ["corruption/missing-part"]) as runner:
        (general,) = CHECKS["corruption/missing-part"].examples(runner.asking)
        found = [spec.damage for spec in runner.trials.variants(general)]
    assert found == [Missing("checkpoint"), Missing("checkpoint.0"), Missing("checkpoint.1")]


# --- what is not held against a format -----------------------------------------------------------------------------------------------


def _format(save: Callable[[Any, pathlib.Path], Any], load: Callable[[pathlib.Path], Any], **more: Any) -> Format:
    return Format(name="own", backend="numpy", save=save, load=load, accepts="dict", **more)


def test_a_checkpoint_that_cannot_be_moved_is_not_asked() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        path.with_name(f"{path.name}.data").write_bytes(encode("numpy", tree))
        path.write_text(os.fspath(path.with_name(f"{path.name}.data")))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", unseal(pathlib.Path(path.read_text()).read_bytes()))

    for result in check_format(_format(save, load), select=["corruption", "security"]):
        assert result.verdict is None
        assert "does not come back from another folder" in (result.skipped or "")


def test_values_that_are_compressed_by_other_means_are_not_asked_for_by_name() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(zlib.compress(encode("numpy", tree)))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", unseal(zlib.decompress(path.read_bytes())))

    header, payload = check_format(_format(save, load), select=["corruption/bit-flip-header", "corruption/bit-flip-payload"])
    assert header.verdict is Verdict.KEPT
    assert "compressed" in (payload.skipped or "")


def test_values_in_a_compressed_member_are_flipped_there() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", encode("numpy", tree))

    def load(path: pathlib.Path) -> Any:
        with zipfile.ZipFile(path) as archive:
            return decode("numpy", unseal(archive.read("data")))

    (result,) = check_format(_format(save, load), select=["corruption/bit-flip-payload"])
    assert result.verdict is Verdict.KEPT
    assert result.examples == 128


def test_a_checkpoint_that_is_a_link_is_a_checkpoint() -> None:
    """As in caches that keep each file once, under its checksum."""

    def save(tree: Any, path: pathlib.Path) -> None:
        blob = path.with_name(f"{path.name}.blob")
        blob.write_bytes(encode("numpy", tree))
        path.symlink_to(blob.name)

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", unseal(path.read_bytes()))

    results = check_format(_format(save, load), select=["corruption", "security"])
    assert [str(result) for result in results if not result.passed] == []


def test_files_beside_the_checkpoint_and_empty_folders_are_put_back_as_they_were(tmp_path: pathlib.Path) -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        (path / "empty").mkdir(parents=True)
        (path / "data").write_bytes(encode("numpy", tree))
        path.with_name(f"{path.name}.index").write_text("data")

    def load(path: pathlib.Path) -> Any:
        if not (path / "empty").is_dir():
            raise ValueError("a folder is missing")
        return decode("numpy", unseal((path / path.with_name(f"{path.name}.index").read_text()).read_bytes()))

    results = check_format(_format(save, load), select=["corruption"])
    assert [str(result) for result in results if not result.passed] == []
    assert next(result for result in results if result.check == "corruption/missing-part").examples == 4


def test_damage_that_a_loader_can_repair_is_no_fault() -> None:
    """Everything stands there twice."""

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(encode("numpy", tree))
        shutil.copy(path, path.with_name(f"{path.name}.2"))

    def load(path: pathlib.Path) -> Any:
        for name in (path.name, f"{path.name}.2"):
            try:
                return decode("numpy", unseal(path.with_name(name).read_bytes()))
            except (OSError, ValueError):
                continue
        raise ValueError("both are damaged")

    results = check_format(_format(save, load), select=["corruption"])
    assert [str(result) for result in results if not result.passed] == []
