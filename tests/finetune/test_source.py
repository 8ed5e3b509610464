"""What `training_file` names."""

import pytest

from ringline.finetune.source import BadSource, Source, choose, parse

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("training/facts.jsonl", Source("training", "facts.jsonl")),
        ("training/2024/facts.jsonl", Source("training", "2024/facts.jsonl")),
        ("s3://training/2024/facts.jsonl", Source("training", "2024/facts.jsonl")),
        ("s3://training", Source("training", None)),
        ("s3://training/", Source("training", None)),
        ("training/", Source("training", None)),
        (" facts.jsonl ", Source(None, "facts.jsonl")),
    ],
)
def test_names(text: str, source: Source) -> None:
    assert parse(text) == source


@pytest.mark.parametrize("text", ["", " ", "/facts.jsonl", "s3://", "s3:///x"])
def test_a_name_without_bucket_is_refused(text: str) -> None:
    with pytest.raises(BadSource, match="names no bucket"):
        parse(text)


def test_a_bare_name_is_a_bucket_first() -> None:
    assert choose(Source(None, "training"), ["training", "other"], ["other"]) == Source("training", None)


def test_a_bare_name_is_an_object_of_one_bucket() -> None:
    assert choose(Source(None, "f.jsonl"), ["a", "b"], ["b"]) == Source("b", "f.jsonl")


@pytest.mark.parametrize(
    ("source", "holders", "told"),
    [
        (Source(None, "f.jsonl"), ["a", "b"], "is in the buckets a, b; say which: a/f.jsonl"),
        (Source(None, "f.jsonl"), [], "neither a bucket 'f.jsonl' nor an object"),
        (Source("c", None), [], "no bucket 'c'"),
        (Source("c", "f.jsonl"), [], "no bucket 'c'"),
    ],
)
def test_what_cannot_be_decided_is_told(source: Source, holders: list[str], told: str) -> None:
    with pytest.raises(BadSource, match=told) as refused:
        choose(source, ["a", "b"], holders)
    assert refused.value.parameter == "training_file"
