"""Sampling what sub-words are learned from, and reading a model's own description."""

from __future__ import annotations

from seqcli.tokenizers import _subwords


def test_all_lines_are_taken_where_they_fit():
    assert _subwords.sample(["a\nbb\n", "c"], 100) == (["a", "bb", "c"], 1)


def test_a_sample_is_bounded_spread_evenly_and_in_order():
    lines = [f"{i:06d}" for i in range(20_000)]
    sampled, step = _subwords.sample(("\n".join(lines[i : i + 7]) + "\n" for i in range(0, 20_000, 7)), 10_000)
    assert sum(len(line) + 1 for line in sampled) <= 10_000
    assert sampled == sorted(sampled)
    assert step == 16
    gaps = [int(b) - int(a) for a, b in zip(["0", *sampled], [*sampled, "20000"], strict=True)]
    assert max(gaps) <= 3 * step
    odd = sum(int(line) % 2 for line in sampled)
    assert abs(odd - len(sampled) / 2) < len(sampled) / 20  # no period: every second line of two languages


def test_the_sample_does_not_depend_on_the_chunks():
    lines = [f"line {i}" for i in range(3000)]
    one = _subwords.sample(["\n".join(lines)], 5000)
    assert _subwords.sample((line + "\n" for line in lines), 5000) == one


def test_long_lines_are_cut_not_left_out():
    sampled, _ = _subwords.sample(["x" * 10_000], 1 << 20)
    assert "".join(sampled) == "x" * 10_000
    assert max(map(len, sampled)) <= 4096


def test_a_description_left_out_is_the_librarys_default():
    assert _subwords.read_spec(b"") == _subwords.Spec(
        unigram=True, identity=False, dummy_prefix=True, spaces_lead=True
    )
