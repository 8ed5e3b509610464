"""What `training_file` names (spec ai-api §8): a bucket, an object in one, or a bare name."""

from dataclasses import dataclass

from ringline.finetune.errors import TrainingError


class BadSource(TrainingError):
    """A `training_file` that names nothing there is, or too much."""

    parameter = "training_file"


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed `training_file`.

    `key` None: every object of the bucket. `bucket` None: the bare name is a bucket's if there is such a
    bucket, otherwise that of an object which exactly one bucket has.
    """

    bucket: str | None
    key: str | None


def parse(text: str) -> Source:
    """Read `bucket/key`, `s3://bucket/key`, `s3://bucket`, or a bare name; raises `BadSource`."""
    rest = text.strip().removeprefix("s3://")
    scheme = rest != text.strip()
    bucket, slash, key = rest.partition("/")
    if not bucket:
        raise BadSource(f"training_file {text!r} names no bucket; use BUCKET, BUCKET/KEY or s3://BUCKET/KEY")
    if slash and key:
        return Source(bucket, key)
    return Source(bucket, None) if slash or scheme else Source(None, bucket)


def choose(source: Source, buckets: list[str], holders: list[str]) -> Source:
    """Decide a bare name: `buckets` are the account's, `holders` those with an object of that name.

    Returns a source with a bucket; raises `BadSource`.
    """
    name = source.key
    if source.bucket is not None:
        if source.bucket not in buckets:
            raise BadSource(f"there is no bucket {source.bucket!r}")
        return source
    if name in buckets:
        return Source(name, None)
    match holders:
        case [one]:
            return Source(one, name)
        case []:
            raise BadSource(f"there is neither a bucket {name!r} nor an object of that name in any bucket")
        case _:
            raise BadSource(
                f"{name!r} is in the buckets {', '.join(holders)}; say which: {holders[0]}/{name}"
            )
