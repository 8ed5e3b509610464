"""Numbers that no real telephone has: what `available_phone_numbers` offers on one's own server.

Any +E.164 number can be ordered; these are set aside for fiction, so a test that dials one disturbs nobody:
555-0100 to 555-0199 in every North American area (ATIS-0300115), Ofcom's drama ranges in Britain, ACMA's in
Australia.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ringline.api import countries


@dataclass(frozen=True, slots=True)
class Range:
    """`prefix` and so many more digits, 00… to 99…."""

    prefix: str
    area: str
    more: int
    place: str

    def numbers(self) -> Iterator[str]:
        """Every number of the range, in order."""
        return (f"{self.prefix}{last:0{self.more}}" for last in range(10**self.more))


RANGES = (
    *(
        Range(f"+1{area}55501", area, 2, place)
        for area, place in (
            ("312", "Chicago"), ("212", "New York"), ("415", "San Francisco"), ("512", "Austin"),
            ("206", "Seattle"), ("305", "Miami"), ("416", "Toronto"), ("604", "Vancouver"),
        )
    ),
    Range("+44207946", "20", 4, "London"),
    Range("+441632960", "1632", 3, "Great Britain"),
    Range("+61255507", "2", 3, "Sydney"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What numbers are looked for; None means any."""

    country: str | None = None
    area: str | None = None
    place: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None

    def fits(self, number: str) -> bool:
        """Whether a number's digits are as wished; a leading + is optional, as is the country's code."""
        digits = number[1:]
        return (
            (self.starts_with is None or _begins(digits, self.starts_with.lstrip("+")))
            and (self.ends_with is None or digits.endswith(self.ends_with))
            and (self.contains is None or self.contains.lstrip("+") in digits)
        )


def _begins(digits: str, start: str) -> bool:
    return digits.startswith(start) or any(digits[code:].startswith(start) for code in (1, 2, 3))


def matching(wish: Wish) -> Iterator[tuple[str, Range]]:
    """The numbers that fit a wish, range by range."""
    for one in RANGES:
        if wish.country is not None and countries.of(one.prefix) != wish.country:
            continue
        if wish.area is not None and wish.area != one.area:
            continue
        if wish.place is not None and wish.place.casefold() != one.place.casefold():
            continue
        yield from ((number, one) for number in one.numbers() if wish.fits(number))
