"""JSON Schema's formats as regexes: of each a part that every reader takes for one."""

from types import MappingProxyType

_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = rf"(?:19|20)[0-9]{{2}}-{_DAY}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,2}}\.[a-z]{{2,6}}"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

REGEXES = MappingProxyType(
    {
        "date": _DATE,  # RFC 3339 §5.6; 29 February is left out, it is not in every year
        "time": rf"{_CLOCK}{_ZONE}",
        "date-time": rf"{_DATE}T{_CLOCK}{_ZONE}",
        "duration": r"P(?:[1-9][0-9]{0,2}D(?:T[1-9][0-9]?H)?|T[1-9][0-9]{0,2}[HMS])",  # RFC 3339 appendix A
        # RFC 5321 §4.1.2
        "email": rf"[a-z0-9](?:[a-z0-9_+-]{{0,30}}[a-z0-9])?(?:\.[a-z0-9]{{1,20}}){{0,2}}@{_HOST}",
        "hostname": _HOST,  # RFC 1123 §2.1
        "ipv4": rf"{_BYTE}(?:\.{_BYTE}){{3}}",
        "ipv6": r"[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}",  # RFC 4291 §2.2, the first form
        # RFC 3986 §3
        "uri": rf"https?://{_HOST}(?:/[A-Za-z0-9._~-]{{1,40}}){{0,8}}/?(?:\?[A-Za-z0-9=&._~-]{{1,80}})?",
        "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",  # RFC 9562 §4
    }
)

OTHERS = frozenset(
    {
        "idn-email",
        "idn-hostname",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "uri-reference",
        "uri-template",
    }
)
"""Formats that exist and that we have no regex for; any other name asserts nothing."""
