"""Measurement files: what is written is read, and whatever was changed is noticed."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from provcheck.errors import MeasurementFileError, OutputError
from provcheck.signals import TABLE
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.store import is_measurement_file, load_measurement, measurement_digest, save_measurement
from provcheck.types import Measurement, NotMeasured
from tests.comparison.factory import measurement, random_loglik, random_words
from tests.measured import loglik_nats, words
from tests.signals.weights.models import random_model
from tests.synthetic import array_of, weighed


def made() -> Measurement:
    loglik = random_loglik(1, 40)
    loglik[3] = np.nan
    return weighed(measurement("org/näme", random_words(1, 3), loglik), random_model(1, blocks=2, neurons=12))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "subject.safetensors"
    save_measurement(made(), path, raw=True)
    return path


def header(file: Path) -> dict[str, dict[str, str]]:
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    parsed: dict[str, dict[str, str]] = json.loads(content[8 : 8 + size])
    return parsed


@pytest.mark.parametrize("raw", [True, False])
def test_what_is_written_is_read(tmp_path: Path, raw: bool) -> None:
    before, path = made(), tmp_path / "deep" / "er" / "subject.safetensors"
    save_measurement(before, path, raw=raw)
    after = load_measurement(path)
    assert (after.subject, after.facts) == (before.subject, before.facts)
    assert before.sketches.keys() == after.sketches.keys() == TABLE.keys()
    for name in before.sketches["weights"].arrays.keys() | {PAPER, CONTRAST, LOGLIK}:
        one, two = array_of(before, name), array_of(after, name)
        assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
    assert measurement_digest(after) == measurement_digest(before)
    assert list(after.sketches["able"].raw) == (["able_words"] if raw else [])
    assert not after.sketches["likelihood"].raw
    if raw:
        np.testing.assert_array_equal(words(after), words(before))


def test_the_file_holds_what_the_design_says(file: Path) -> None:
    arrays = load_file(file)
    assert {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
        "able_paper": ((256,), "float32"),
        "able_contrast": ((256,), "float32"),
        "able_paper_blocks": ((3, 256), "float32"),
        "able_contrast_blocks": ((3, 256), "float32"),
        "loglik": ((40,), "float64"),
        "able_words": ((62,), "float32"),
        "neurons_anchored": ((512, 32), "uint8"),
        "neurons_coordinates": ((512, 32), "uint8"),
        "neurons_intrinsic": ((512, 64), "uint8"),
        "neuron_places": ((512, 3), "int32"),
        "weights_fingerprint": ((4096,), "float32"),
    }
    np.testing.assert_array_equal(arrays["able_paper"], arrays["able_paper_blocks"].sum(axis=0))
    assert json.loads(header(file)["__metadata__"]["subject"])["id"] == "org/näme"


def test_two_files_of_one_measurement_have_the_same_digest(file: Path, tmp_path: Path) -> None:
    save_measurement(load_measurement(file), tmp_path / "again.safetensors", raw=True)
    assert header(tmp_path / "again.safetensors")["__metadata__"] == header(file)["__metadata__"]


def test_every_byte_counts(file: Path) -> None:
    """Every byte of the header, and a sample of the arrays' bytes."""
    content = file.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    places = [*range(end), *range(end, len(content), 211), len(content) - 1]
    unnoticed = []
    for place in places:
        file.write_bytes(_flipped(content, place, 1 << place % 8))
        try:
            load_measurement(file)
        except MeasurementFileError:
            continue
        unnoticed.append(place)
    assert unnoticed == []


@given(data=st.data())
def test_any_change_of_a_byte_is_noticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    save_measurement(made(), path)
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(_flipped(content, place, data.draw(st.integers(1, 255))))
    with pytest.raises(MeasurementFileError):
        load_measurement(path)


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("subject", "org/näme", "org/other"),
        ("subject", "digest of", "digest by"),
        ("facts", '"float32"', '"float16"'),
        ("facts", '"measured":3', '"measured":2'),
        ("facts", '"version":"able/', '"version":"able/9'),
    ],
)
def test_other_facts_under_the_same_numbers_are_noticed(file: Path, field: str, old: str, new: str) -> None:
    metadata = dict(header(file)["__metadata__"])
    assert old in metadata[field]
    metadata[field] = metadata[field].replace(old, new)
    save_file(load_file(file), file, metadata=metadata)
    with pytest.raises(MeasurementFileError, match="was changed after it was written") as caught:
        load_measurement(file)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["able_words", "loglik", "able_paper_blocks"])
def test_a_missing_array_is_noticed(file: Path, name: str) -> None:
    arrays = load_file(file)
    del arrays[name]
    save_file(arrays, file, metadata=header(file)["__metadata__"])
    with pytest.raises(MeasurementFileError, match=r"lacks arrays|was changed"):
        load_measurement(file)


@pytest.mark.parametrize("kept", [0, 5, 8, 300, -1])
def test_a_truncated_file_is_told(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(MeasurementFileError, match=r"subject\.safetensors is not a readable safetensors file"):
        load_measurement(file)


def test_other_content_is_told(file: Path, tmp_path: Path) -> None:
    file.write_text("not a tensor in sight")
    with pytest.raises(MeasurementFileError, match="not a readable"):
        load_measurement(file)
    with pytest.raises(MeasurementFileError, match="not found"):
        load_measurement(tmp_path / "absent.safetensors")
    with pytest.raises(MeasurementFileError):
        load_measurement(tmp_path)


def test_weights_of_a_model_are_no_measurement(tiny_folder: Path) -> None:
    with pytest.raises(MeasurementFileError, match="not a measurement of this version") as caught:
        load_measurement(tiny_folder / "model.safetensors")
    assert "provcheck measure" in caught.value.hint


def test_another_schema_is_told(file: Path) -> None:
    metadata = header(file)["__metadata__"] | {"provcheck_schema": "1"}
    save_file(load_file(file), file, metadata=metadata)
    with pytest.raises(MeasurementFileError, match="this version of provcheck"):
        load_measurement(file)


def test_a_signal_that_was_not_measured_stays_so(tmp_path: Path) -> None:
    whole, why = made(), NotMeasured(not_measured="the model gives no gradients")
    save_measurement(replace(whole, signals={**whole.signals, "able": why}), tmp_path / "some.safetensors", raw=True)
    after = load_measurement(tmp_path / "some.safetensors")
    assert after.signals["able"] == why
    assert loglik_nats(after).tobytes() == loglik_nats(whole).tobytes()
    assert load_file(tmp_path / "some.safetensors").keys() == {"loglik", *whole.sketches["weights"].arrays}
    save_measurement(replace(whole, signals={"likelihood": whole.signals["likelihood"]}), tmp_path / "one.safetensors")
    missing = load_measurement(tmp_path / "one.safetensors").signals["able"]
    assert missing == NotMeasured(not_measured="the measurement file holds none")


def test_a_signal_of_another_version_of_provcheck_is_not_measured(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *known, last = TABLE  # another one would be put back in another place
    monkeypatch.delitem(TABLE, last)
    after = load_measurement(file)
    assert list(after.sketches) == known
    unknown = after.signals[last]
    assert isinstance(unknown, NotMeasured) and "does not know the signal" in unknown.not_measured


def test_a_failed_write_leaves_the_old_file_and_nothing_else(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as half:
            half.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="No space left on device"):
            save_measurement(made(), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_which_names_are_measurement_files(file: Path, tmp_path: Path) -> None:
    assert is_measurement_file(str(file))
    assert not is_measurement_file(str(tmp_path / "absent.safetensors"))
    assert not is_measurement_file(str(tmp_path))


def _flipped(content: bytes, place: int, bits: int) -> bytes:
    return content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]
