"""The anatomy of stored models says what the running models do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from provcheck.measurement.loaded_tensors import LoadedTensors
from provcheck.signals.weights.anatomy import Anatomy, dissect
from tests.signals.weights.black_box import IDS, Case, make, run, same_positions, share_unexplained, silenced
from tests.signals.weights.kinds import KINDS

NEAR = 1e-3


@pytest.fixture(scope="module", params=KINDS, ids=str)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    yield make(request.param, tmp_path_factory.mktemp(str(request.param)))


def test_neurons_do_what_the_mlp_does(case: Case) -> None:
    with silenced(case, mlp=False):
        streams, _ = run(case)
    for block, (before, after) in zip(case.kind.blocks, streams, strict=True):
        seen, parts = case.core(before) if case.kind.normed else before, []
        for group in case.anatomy.experts(block):
            active = case.activated(seen @ group.read.T, None if group.gate is None else seen @ group.gate.T)
            experts = np.split(np.arange(len(group)), 3 if case.kind.fused and len(group) % 3 == 0 else 1)
            parts += [active[:, some] @ group.write[some] for some in experts]
        assert share_unexplained(case.centred(after - before), np.stack(parts, axis=1)) < NEAR


def test_in_memory_it_is_the_same(case: Case) -> None:
    """transformers keeps all experts of a block in one tensor, under other names."""
    loaded = dissect(LoadedTensors(case.model), case.model.config.to_dict())
    assert isinstance(loaded, Anatomy)
    for block in range(case.anatomy.blocks):
        for one, two in zip(vars(loaded.mlp(block)).values(), vars(case.anatomy.mlp(block)).values(), strict=True):
            np.testing.assert_array_equal(one, two)


def test_heads_write_what_attention_writes(case: Case) -> None:
    """To a single token, so that attention is on that token alone; heads may have sinks or gates."""
    with silenced(case, mlp=True):
        streams, _ = run(case, IDS[:, :1])
    for block, (before, after) in zip(case.kind.blocks, streams, strict=True):
        heads = case.anatomy.attention(block)
        if heads is None or not case.kind.values:
            continue
        values = np.repeat(heads.value, len(heads.query) // len(heads.value), axis=0)
        seen = case.core(before) if case.kind.normed else before
        written = np.einsum("hed,td,hef->thf", values, seen, heads.output)
        assert share_unexplained(case.centred(after - before), written) < NEAR


def test_heads_attend_as_attention_does(case: Case) -> None:
    """At equal positions; what is left of them is a slope, and a scale."""
    heads = case.anatomy.attention(0)
    if not case.kind.products:
        return
    assert heads is not None
    streams, output = run(case, output_attentions=True, **same_positions(case))
    shares = output.attentions[0][0].numpy()
    core = case.core(streams[0][0])
    keys = np.repeat(heads.key, len(heads.query) // len(heads.key), axis=0)
    for head, share in enumerate(shares):
        products = (core @ heads.query[head].T) @ (core @ keys[head].T).T
        rows, columns = np.nonzero(np.tri(len(core), k=-1))
        found = np.log(share[rows, columns]) - np.log(share[rows, 0])
        expected = np.stack([products[rows, columns] - products[rows, 0], columns], axis=0)
        assert share_unexplained(found[None], expected[None]) < NEAR


def test_embeddings_are_those_of_the_stream(case: Case) -> None:
    streams, output = run(case)
    rows = case.anatomy.input_rows(IDS[0].numpy())
    assert rows.dtype == np.float32
    if case.kind.layers[0] == 0:
        assert share_unexplained(case.centred(streams[0][0]), rows[:, None]) < NEAR
    assert case.anatomy.vocabulary == case.model.config.vocab_size
    tokens = case.anatomy.output_rows(np.arange(case.anatomy.vocabulary))
    assert share_unexplained(output.logits[0].numpy(), (case.core(streams[-1][1]) @ tokens.T)[:, None]) < NEAR
