"""The recurrent language model's weights: tied, drawn, stored; and the configuration that decides them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.cells import CELLS

from seqcli import layers
from seqcli.errors import SeqcliError
from seqcli.models.language_model import Config, Model

torch = pytest.importorskip("torch")

V, T, B = 11, 13, 5
SIZES: dict[str, Any] = {"embedding": 12, "hidden": 16, "layers": 2}
RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.integers(0, V, (B, T)), RNG.integers(0, V, (B, T))
variants = pytest.mark.parametrize(
    "options",
    [
        *({"cell": cell} for cell in CELLS),
        {"cell": "gru", "layers": 3, "tied": True},
        {"cell": {"kind": "rnn", "nonlinearity": "relu"}, "uniform_init": 0.2, "dropout": 0.3, "weight_drop": 0.1},
    ],
    ids=str,
)


def make(seed: int = 0, **options: Any) -> Model:
    return Model.create(Config(**{**SIZES, **options}), V, np.random.default_rng(seed))


def loss_and_leaves(model: Model) -> tuple[Any, dict[str, Any]]:
    """The loss in float64, and the leaves it comes from."""
    weights = {n: torch.from_numpy(a).double().requires_grad_() for n, a in model.arrays().items()}
    bound = layers.replace(model, weights)
    inputs, targets = (torch.from_numpy(a.T.copy()) for a in (INPUTS, TARGETS))
    return bound.loss(inputs, targets, bound.initial_state(B))[0], weights


# tying, first weights, restoring


@pytest.mark.parametrize("depth", [1, 2])
def test_a_tied_embedding_learns_from_both_uses(depth: int) -> None:
    tied = make(tied=True, embedding=12, hidden=12 if depth == 1 else 16, layers=depth)
    assert "output_weight" not in tied.arrays()
    assert tied.stack.output_size == 12
    untied = Model(
        **{**{f: getattr(tied, f) for f in tied.__dataclass_fields__}, "output_weight": tied.embedding.copy()}
    )
    loss, weights = loss_and_leaves(tied)
    other, apart = loss_and_leaves(untied)
    assert loss.item() == pytest.approx(other.item(), abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, [weights["embedding"]])
    of_input, of_output = torch.autograd.grad(other, [apart["embedding"], apart["output_weight"]])
    assert of_input.abs().max() > 0
    assert of_output.abs().max() > 0
    torch.testing.assert_close(gradient, of_input + of_output, rtol=0, atol=1e-12)


def test_uniform_init_draws_every_array() -> None:
    model = Model.create(Config(uniform_init=0.05, hidden=40, embedding=30, layers=2), 50, np.random.default_rng(0))
    for name, a in model.arrays().items():
        assert np.abs(a).max() <= 0.05, name
        assert a.std() == pytest.approx(0.05 / np.sqrt(3), rel=0.3), name
        assert a.dtype == np.float32


@variants
def test_the_same_seed_gives_the_same_weights(options: dict[str, Any]) -> None:
    one, two, other = (make(seed, **options).arrays() for seed in (1, 1, 2))
    assert one.keys() == two.keys()
    for name, a in one.items():
        np.testing.assert_array_equal(a, two[name])
    assert not np.array_equal(one["embedding"], other["embedding"])


def test_first_weights_are_the_ones_they_have_always_been() -> None:
    """A seed in a published recipe means these numbers (to the rounding of LAPACK's QR)."""
    arrays = Model.create(Config(cell="lstm", embedding=4, hidden=3), 6, np.random.default_rng(1)).arrays()
    expected = {
        "embedding": ((6, 4), [0.345584, 0.821618, 0.330437]),
        "stack.cells.0.0.weight_ih": ((12, 4), [0.799614, 0.389348, 0.071407]),
        "stack.cells.0.0.weight_hh": ((12, 3), [-0.194145, -0.640389, 0.743108]),
        "stack.cells.0.0.bias_ih": ((12,), [0.0, 0.0, 0.0]),
        "stack.cells.0.0.bias_hh": ((12,), [0.0, 0.0, 0.0]),
        "output_weight": ((6, 3), [0.572895, -0.296509, -0.280745]),
        "output_bias": ((6,), [0.0, 0.0, 0.0]),
    }
    assert {n: a.shape for n, a in arrays.items()} == {n: shape for n, (shape, _) in expected.items()}
    for name, (_, values) in expected.items():
        np.testing.assert_allclose(arrays[name].reshape(-1)[:3], values, atol=1e-5, err_msg=name)


@variants
def test_restore_gives_back_the_model_to_the_bit(options: dict[str, Any]) -> None:
    config = Config(**{**SIZES, **options})
    model = make(**options)
    again = Model.restore(Config(**config.model_dump()), V, model.arrays())
    assert again.vocabulary_size == V
    assert (again.dropout, again.weight_drop) == (model.dropout, model.weight_drop)
    for name, a in model.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], a)
    scores, _ = model.score(INPUTS, TARGETS, model.initial_state(B))
    np.testing.assert_array_equal(again.score(INPUTS, TARGETS, again.initial_state(B))[0], scores)


def test_restore_names_what_does_not_fit() -> None:
    config, arrays = Config(**SIZES), make().arrays()
    with pytest.raises(SeqcliError, match=r"embedding has shape \(11, 12\).*\(12, 12\)"):
        Model.restore(config, V + 1, arrays)
    with pytest.raises(SeqcliError, match=r"stack\.cells\.0\.0\.weight_ih has shape \(64, 12\).*\(48, 12\)"):
        Model.restore(config.model_copy(update={"cell": {"kind": "gru"}}), V, arrays)
    with pytest.raises(SeqcliError, match=r"stack\.cells\.2\.0"):
        Model.restore(config.model_copy(update={"layers": 3}), V, arrays)
    with pytest.raises(SeqcliError, match="output_bias"):
        Model.restore(config, V, {n: a for n, a in arrays.items() if n != "output_bias"})


# the configuration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "ltsm"}, "unknown cell 'ltsm'; did you mean 'lstm'"),
        ({"cell": {"kind": "grru"}}, "unknown cell 'grru'; did you mean 'gru'"),
        ({"cell": {"nonlinearity": "relu"}}, "needs a kind"),
        ({"cell": {"kind": 3}}, "needs a kind"),
        ({"cell": {"kind": "rnn", "nonlinearty": "relu"}}, "no option 'nonlinearty'; did you mean 'nonlinearity'"),
        ({"cell": {"kind": "lstm", "nonlinearity": "relu"}}, "no option 'nonlinearity'; known: block"),
        ({"cell": {"kind": "rnn", "nonlinearity": "rely"}}, "unknown value 'rely'; did you mean 'relu'"),
        ({"cell": {"kind": "rnn", "nonlinearity": [1]}}, "unknown value"),
        ({"cell": 3}, "cell"),
        ({"tied": True, "layers": 1, "embedding": 3, "hidden": 4}, "must be equal, not 3 and 4"),
        ({"cell": "scan-of-tests", "weight_drop": 0.1}, "the cell scan-of-tests has no recurrent weights"),
        ({"hiden": 3}, "hiden"),
        ({"hidden": 0}, "greater than 0"),
        ({"layers": 0}, "greater than 0"),
        ({"dropout": 1.0}, "less than 1"),
        ({"dropout": -0.1}, "greater than or equal to 0"),
        ({"uniform_init": 0.0}, "greater than 0"),
    ],
    ids=str,
)
def test_mistakes_in_the_configuration_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        Config(**options)
    assert message in str(error.value)


def test_a_cell_is_a_mapping_after_validation() -> None:
    assert Config().cell == {"kind": "lstm"}
    assert Config(cell="gru").cell == {"kind": "gru"}
    assert Config(cell={"kind": "rnn", "nonlinearity": "relu"}).cell == {"kind": "rnn", "nonlinearity": "relu"}
    assert Config(tied=True, layers=2, embedding=3, hidden=4).tied
