r"""Reads PostgREST filters (https://postgrest.org/en/stable/references/api/tables_views.html).

The input is a query string's items, decoded. Each must be one of these, in any number and order but for
`limit` and `offset`, which come once; `select` says nothing to us::

    item     = field "=" test                            all of them must hold
             | ["not."] ("and" | "or") "=" group
             | "order=" key *("," key) | "limit=" digits | "offset=" digits | "select=" *any

    group    = "(" term *("," term) ")"                  at most 16 deep
    term     = ["not."] ("and" | "or") group
             | field "." test
    field    = "id" | "name" | "created_at" | "last_message_at" | "metadata" ("->" | "->>") name
    name     = quoted | 1*bare                           bare: none of . , ( ) "; as an item's name, any
    test     = ["not."] operator "." operand
    operator = "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "isdistinct"
             | the first eight but neq, and "(any)" or "(all)":  operand = "{" values "}"
             | "in":                                     operand = "(" values ")"
             | "is":                                     operand = null | not_null | true | false | unknown
    values   = [value *("," value)]
    operand  = quoted | *any                             inside a group, any ends at "," and ")"
    value    = quoted | *any                             which ends at "," and the closing bracket
    quoted   = DQUOTE *("\" any | any but DQUOTE and "\") DQUOTE
    key      = field ["." ("asc" | "desc")] ["." ("nullsfirst" | "nullslast")]

Unlike PostgREST, an operand outside a group may be quoted too: one rule for all places. Operands of times are
ISO 8601, a date alone being its first moment, UTC. The parser looks at each character a bounded number of
times, and never backs up.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from ringline.conversations.filters import patterns
from ringline.conversations.filters.scanner import Scanner
from ringline.conversations.filters.tree import (
    And,
    Column,
    Compare,
    Comparison,
    Field,
    In,
    Is,
    Leaf,
    Like,
    MetadataKey,
    Not,
    Or,
    Order,
    Query,
    Scalar,
    State,
    Term,
)
from ringline.core.errors import ProtocolError

DEEPEST = 16
"""Groups within groups."""
MOST_TESTS = 100
MOST_VALUES = 500
"""In all lists of one query together."""
MOST_KEYS = 8
"""Of order: each metadata key among them is a join."""
LONGEST = 1_000
"""Characters of one operand or key."""
HIGHEST = 2**31 - 1
"""Of limit and offset."""

COLUMNS = frozenset(Column)
COMPARISONS = frozenset(Comparison)
PATTERNS = ("like", "ilike")
QUANTIFIED = ("eq", "gt", "gte", "lt", "lte", *PATTERNS)
ABSENT = (
    *("match", "imatch", "fts", "plfts", "phfts", "wfts"),
    *("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"),
)
"""Operators of PostgREST that need what these columns or our stores do not have."""

NAMED = re.compile(r"metadata->>?")
OPERATOR = re.compile(r"([a-z]+)(?:\((any|all)\))?\.")
FORGOTTEN_PLUS = re.compile(r"\A (?=[0-9]{7,}\Z)")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
BLANK_OFFSET = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)")
"""An unencoded + arrives as a blank: of a telephone number, of a time's offset."""
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)


class BadFilter(ProtocolError):
    """A filter that cannot be read; `parameter` is the name of the query's item."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(f"{parameter}: {detail}")
        self.parameter = parameter
        self.detail = detail


def parse(items: Iterable[tuple[str, str]]) -> Query:
    """Read the items of a query; raises `BadFilter`."""
    budget = _Budget()
    where: list[Term] = []
    order: list[Order] = []
    numbers: dict[str, int] = {}
    for name, value in items:
        reader = _Reader(name, value, budget)
        if name in ("limit", "offset"):
            if name in numbers:
                raise BadFilter(name, "it is given twice")
            numbers[name] = reader.whole_number(least=int(name == "limit"))
        elif name == "order":
            order += reader.order()
            if len(order) > MOST_KEYS:
                raise BadFilter(name, f"a query may have {MOST_KEYS} keys of order at most")
        elif name != "select":
            where.append(reader.item())
    return Query(tuple(where), tuple(order), numbers.get("limit"), numbers.get("offset", 0))


def parse_test(field: str, test: str, parameter: str) -> Term:
    """Read one test of a field, as in `field=test`; raises `BadFilter` that names `parameter`."""
    reader = _Reader(parameter, test, _Budget())
    return reader.whole_test(reader.field_named(field))


class _Budget:
    """What one query may still have."""

    def __init__(self) -> None:
        self.tests = MOST_TESTS
        self.values = MOST_VALUES


class _Reader:
    """Reads one item's value."""

    def __init__(self, parameter: str, text: str, budget: _Budget) -> None:
        self._parameter = parameter
        self._scan = Scanner(text)
        self._budget = budget

    def _wrong(self, detail: str) -> BadFilter:
        return BadFilter(self._parameter, detail)

    def item(self) -> Term:
        """An item whose name is a field or the head of a group."""
        name = self._parameter
        negated = name.startswith("not.")
        head = name[4:] if negated else name
        if head in ("and", "or"):
            group = self._group(head, 1)
            self._end()
            return Not(group) if negated else group
        return self.whole_test(self.field_named(name))

    def field_named(self, name: str) -> Field:
        """The field that an item's whole name is."""
        if name in COLUMNS:
            return Column(name)
        found = NAMED.match(name)
        if found is None:
            raise self._wrong(f"there is no column {name[:80]!r}; {_HINT}")
        scan = Scanner(name[found.end() :])
        key = scan.quoted() if scan.sees('"') else scan.rest()
        if key is None or not scan.at_end:
            raise self._wrong("the quoted key does not end with its quote")
        return self._key(key)

    def whole_test(self, field: Field) -> Term:
        """A test that is all there is."""
        term = self._test(field, "")
        self._end()
        return term

    def order(self) -> list[Order]:
        """Keys of an order."""
        keys = [self._order_key()]
        while self._scan.takes(","):
            keys.append(self._order_key())
        self._end()
        return keys

    def whole_number(self, *, least: int) -> int:
        """A limit or an offset."""
        digits = self._scan.rest()
        if not re.fullmatch("[0-9]{1,10}", digits) or not least <= int(digits) <= HIGHEST:
            raise self._wrong(f"must be a whole number of {least} or more; got {digits[:20]!r}")
        return int(digits)

    def _order_key(self) -> Order:
        field = self._field(",")
        words = []
        while self._scan.takes("."):
            words.append(self._scan.until(".,"))
        descending, nulls_first = False, None
        match words:
            case ["asc" | "desc" as way, "nullsfirst" | "nullslast" as nulls]:
                descending, nulls_first = way == "desc", nulls == "nullsfirst"
            case ["asc" | "desc" as way]:
                descending = way == "desc"
            case ["nullsfirst" | "nullslast" as nulls]:
                nulls_first = nulls == "nullsfirst"
            case []:
                pass
            case _:
                raise self._wrong("after a column come asc or desc, then nullsfirst or nullslast")
        # PostgreSQL's own rule: a lacking value counts as greater than any.
        return Order(field, descending, descending if nulls_first is None else nulls_first)

    def _group(self, head: str, depth: int) -> And | Or:
        if depth > DEEPEST:
            raise self._wrong(f"groups may be {DEEPEST} deep at most")
        if not self._scan.takes("("):
            raise self._wrong(f"after {head} comes a list in parentheses")
        terms = [self._term(depth)]
        while self._scan.takes(","):
            terms.append(self._term(depth))
        if not self._scan.takes(")"):
            raise self._wrong("a closing parenthesis is missing")
        return (And if head == "and" else Or)(tuple(terms))

    def _term(self, depth: int) -> Term:
        for head in ("and", "or"):
            if self._scan.takes(f"not.{head}", before="("):
                return Not(self._group(head, depth + 1))
            if self._scan.takes(head, before="("):
                return self._group(head, depth + 1)
        field = self._field(",)")
        if not self._scan.takes("."):
            raise self._wrong("a term is column.operator.value")
        return self._test(field, ",)")

    def _field(self, ends: str) -> Field:
        found = self._scan.match(NAMED)
        if found is None:
            name = self._scan.until(f".({ends}")
            if name not in COLUMNS:
                raise self._wrong(f"there is no column {name[:80]!r}; {_HINT}")
            return Column(name)
        if self._scan.sees('"'):
            key = self._scan.quoted()
            if key is None:
                raise self._wrong("the quoted key does not end with its quote")
            return self._key(key)
        return self._key(self._scan.until(f'."({ends}'))

    def _key(self, key: str) -> MetadataKey:
        if not key:
            raise self._wrong("the metadata key is empty")
        return MetadataKey(self._sound(key))

    def _test(self, field: Field, ends: str) -> Term:
        self._spend(1)
        negated = self._scan.takes("not.")
        found = self._scan.match(OPERATOR)
        if found is None:
            raise self._wrong(f"a test is operator.value, as eq.x; {_OPERATORS}")
        operator, quantifier = found.groups()
        if quantifier:
            term = self._quantified(field, operator, quantifier)
        else:
            term = self._simple(field, operator, ends)
        return _opposite(term) if negated else term

    def _simple(self, field: Field, operator: str, ends: str) -> Term:
        if operator == "in":
            return In(field, tuple(self._scalar(field, one) for one in self._values("()")))
        if operator == "is":
            return self._is(field, self._scan.until(ends))
        if operator == "isdistinct":
            self._spend(1)
            equal = Compare(field, Comparison.EQ, self._scalar(field, self._operand(ends)))
            return Or((Not(equal), Is(field, State.NULL)))
        if operator in COMPARISONS or operator in PATTERNS:
            return self._compared(field, operator, self._operand(ends))
        if operator in ABSENT:
            raise self._wrong(f"the operator {operator} is not available on this server; {_OPERATORS}")
        raise self._wrong(f"there is no operator {operator[:20]!r}; {_OPERATORS}")

    def _quantified(self, field: Field, operator: str, quantifier: str) -> Term:
        if operator not in QUANTIFIED:
            raise self._wrong(f"{operator[:20]} cannot be asked of any or all")
        terms = tuple(self._compared(field, operator, one) for one in self._values("{}"))
        if not terms:
            raise self._wrong("the list is empty")
        self._spend(len(terms) - 1)
        return Or(terms) if quantifier == "any" else And(terms)

    def _compared(self, field: Field, operator: str, operand: str) -> Leaf:
        if operator in COMPARISONS:
            return Compare(field, Comparison(operator), self._scalar(field, operand))
        if isinstance(field, Column) and field.is_time:
            raise self._wrong(f"{field} is a time; {operator} compares texts")
        text = self._sound(operand)
        try:
            pattern = patterns.parse(text)
        except ValueError as error:
            raise self._wrong(f"{error}") from None
        return Like(field, pattern, fold=operator == "ilike")

    def _is(self, field: Field, word: str) -> Term:
        match word.lower():
            case "null" | "unknown":
                return Is(field, State.NULL)
            case "not_null":
                return Not(Is(field, State.NULL))
            case "true" | "false" as state if isinstance(field, MetadataKey):
                return Is(field, State(state))
            case "true" | "false":
                raise self._wrong(f"{field} is neither true nor false")
            case _:
                raise self._wrong("is takes null, not_null, true, false or unknown")

    def _operand(self, ends: str) -> str:
        if self._scan.sees('"'):
            text = self._scan.quoted()
            if text is None:
                raise self._wrong("a quoted value does not end with its quote")
            return text
        return FORGOTTEN_PLUS.sub("+", self._scan.until(ends))

    def _values(self, brackets: str) -> list[str]:
        opening, closing = brackets[0], brackets[1]
        if not self._scan.takes(opening):
            raise self._wrong(f"the values come in {opening}…{closing}")
        if self._scan.takes(closing):
            return []
        values = [self._operand(f",{closing}")]
        while self._scan.takes(","):
            values.append(self._operand(f",{closing}"))
        if not self._scan.takes(closing):
            raise self._wrong(f"the closing {closing} of the values is missing")
        self._budget.values -= len(values)
        if self._budget.values < 0:
            raise self._wrong(f"a query may have {MOST_VALUES} values in lists at most")
        return values

    def _scalar(self, field: Field, operand: str) -> Scalar:
        text = self._sound(operand)
        return self._moment(text) if isinstance(field, Column) and field.is_time else text

    def _moment(self, text: str) -> datetime:
        written = BLANK_OFFSET.sub("+", text) if "T" in text.upper() else text
        try:
            if not MOMENT.fullmatch(written):
                raise ValueError
            moment = datetime.fromisoformat(written.upper())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self._wrong(
                f"{text[:40]!r} is not a time such as 2025-01-01 or 2025-01-01T09:30:00Z"
            ) from None

    def _sound(self, text: str) -> str:
        if len(text) > LONGEST:
            raise self._wrong(f"a value may have {LONGEST} characters at most")
        if UNSTORABLE.search(text):
            raise self._wrong("a value has characters that no text has")
        return text

    def _spend(self, tests: int) -> None:
        self._budget.tests -= tests
        if self._budget.tests < 0:
            raise self._wrong(f"a query may have {MOST_TESTS} tests at most")

    def _end(self) -> None:
        if not self._scan.at_end:
            raise self._wrong(f"cannot read on at {self._scan.rest()[:40]!r}")


def _opposite(term: Term) -> Term:
    return term.term if isinstance(term, Not) else Not(term)


_HINT = "columns are id, name, created_at, last_message_at and metadata->KEY"
_OPERATORS = (
    "operators are eq, neq, gt, gte, lt, lte, like, ilike, in, is, isdistinct, each with not. before it"
)
