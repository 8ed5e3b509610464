"""XML in both directions."""

from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.storage.s3 import answers, documents
from ringline.storage.s3.documents import Deletion, PartRef
from ringline.storage.s3.errors import STATUSES, S3Error
from ringline.store.buckets import StoredObject

pytestmark = pytest.mark.unit

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def code(parse: object, body: bytes) -> str:
    assert callable(parse)
    with pytest.raises(S3Error) as caught:
        parse(body)
    return caught.value.code


def test_deletions() -> None:
    body = (
        f"<Delete {NAMESPACE}><Object><Key>a&amp;b</Key></Object>"
        "<Object><Key>ü&#13;</Key><VersionId>null</VersionId></Object><Quiet>true</Quiet></Delete>"
    )
    assert documents.parse_delete(body.encode()) == Deletion(("a&b", "ü\r"), quiet=True)
    assert documents.parse_delete(b"<Delete><Object><Key> a </Key></Object></Delete>") == Deletion(
        (" a ",), False
    )
    many = b"<Object><Key>k</Key></Object>"
    assert len(documents.parse_delete(b"<Delete>" + many * 1000 + b"</Delete>").keys) == 1000
    assert code(documents.parse_delete, b"<Delete>" + many * 1001 + b"</Delete>") == "MalformedXML"
    assert code(documents.parse_delete, b"<Delete/>") == "MalformedXML"
    assert code(documents.parse_delete, b"<Delete><Object/></Delete>") == "MalformedXML"
    version = b"<Delete><Object><Key>k</Key><VersionId>7</VersionId></Object></Delete>"
    assert code(documents.parse_delete, version) == "NotImplemented"


def part(number: object, etag: str = '"AB"') -> str:
    return (
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><ChecksumCRC32>x</ChecksumCRC32></Part>"
    )


def complete(*parts: str) -> bytes:
    return f"<CompleteMultipartUpload {NAMESPACE}>{''.join(parts)}</CompleteMultipartUpload>".encode()


def test_completions() -> None:
    assert documents.parse_complete(complete(part(1), part(3, "cd"))) == (
        PartRef(1, "ab", (("crc32", "x"),)),
        PartRef(3, "cd", (("crc32", "x"),)),
    )
    assert code(documents.parse_complete, complete(part(2), part(1))) == "InvalidPartOrder"
    assert code(documents.parse_complete, complete(part(2), part(2))) == "InvalidPartOrder"
    for wrong in (part("x"), part(-1), part("²"), part(999_999), part(1, ""), "<Part/>"):
        assert code(documents.parse_complete, complete(wrong)) == "MalformedXML"
    assert code(documents.parse_complete, complete()) == "MalformedXML"


def test_locations() -> None:
    assert documents.parse_location(b"") == ""
    body = f"<CreateBucketConfiguration {NAMESPACE}><LocationConstraint> eu-1 </LocationConstraint>"
    assert documents.parse_location(f"{body}</CreateBucketConfiguration>".encode()) == "eu-1"
    assert documents.parse_location(b"<s3:CreateBucketConfiguration xmlns:s3='x'/>") == ""


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Delete><Object><Key>&b;</Key></Object></Delete>"""
OUTSIDE = b"""<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>"""


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        OUTSIDE,
        b"",
        b"<",
        b"<Delete>",
        b"<Other/>",
        b"<Delete/><Delete/>",
        b"<Delete>&nbsp;</Delete>",
        b"\xff\xfe",
        b"<Delete>\xff</Delete>",
        b'<?xml version="1.0" encoding="rot13"?><Other/>',
        b"<a>" * 100_000,
        b"<Delete>" + b"<a/>" * 150_000 + b"</Delete>",
        "<Delete/>".encode("utf-16"),
    ],
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    assert code(documents.parse_delete, body) == "MalformedXML"
    assert code(documents.parse_complete, body) == "MalformedXML"


@given(
    st.binary(max_size=80)
    | st.lists(
        st.sampled_from(
            ["<Delete>", "</Delete>", "<Object>", "</Object>", "<Key>", "</Key>", "k", "&lt;", "<!--", "]]>"]
        ),
        max_size=12,
    ).map(lambda words: "".join(words).encode())
)
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    for parse in (documents.parse_delete, documents.parse_complete, documents.parse_location):
        with suppress(S3Error):
            parse(body)


def stored(key: str) -> StoredObject:
    return StoredObject(
        key=key,
        content_id="c",
        size_bytes=5,
        etag="e" * 32,
        headers=(),
        modified_at=datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )


KEYS = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(keys=st.lists(KEYS, max_size=3), prefix=KEYS)
def test_lists_carry_every_key_when_it_is_encoded(keys: list[str], prefix: str) -> None:
    asked = answers.Asked("bucket", prefix, "/", 10, url_encoded=True)
    body = answers.objects(asked, [stored(key) for key in keys], [prefix], marker=prefix, next_marker=prefix)
    root = ElementTree.fromstring(body)
    assert [unquote(one.text or "") for one in root.findall("{*}Contents/{*}Key")] == keys
    for path in ("Prefix", "Marker", "NextMarker", "CommonPrefixes/{*}Prefix"):
        assert unquote(root.findtext("{*}" + path) or "") == prefix


def test_a_list_is_as_the_reference_has_it() -> None:
    asked = answers.Asked("bucket", "a", "", 1, url_encoded=False)
    body = answers.objects_v2(
        asked, [stored("a<&>\"'\r")], [], start_after="", token="", next_token="next", owner="me"
    )
    assert body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<ListBucketResult {NAMESPACE}><Name>bucket</Name><Prefix>a</Prefix><MaxKeys>1</MaxKeys>"
        "<KeyCount>1</KeyCount><NextContinuationToken>next</NextContinuationToken><IsTruncated>true</IsTruncated>"
        "<Contents><Key>a&lt;&amp;&gt;&quot;'&#xD;</Key><LastModified>2030-01-02T03:04:05.678Z</LastModified>"
        f"<ETag>&quot;{'e' * 32}&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass>"
        "<Owner><ID>me</ID><DisplayName>me</DisplayName></Owner></Contents></ListBucketResult>"
    )


@pytest.mark.parametrize("name", STATUSES)
def test_errors_name_themselves(name: str) -> None:
    root = ElementTree.fromstring(answers.error(S3Error(name, "<what>"), "/b/ü", "id"))
    assert [one.tag for one in root] == ["Code", "Message", "Resource", "RequestId"]
    assert [one.text for one in root] == [name, "<what>", "/b/ü", "id"]
    assert 400 <= S3Error(name, "").status <= 503
