"""English number words. Everything here is exact for integers below 10**15."""

UNITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
TOO_LARGE = 10**15


def cardinal(number: int) -> str:
    """`-21` is "minus twenty-one"; from 10**15 on, the digits one by one."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number >= TOO_LARGE:
        return digits(str(number))
    words: list[str] = []
    for scale, name in SCALES:
        count, number = divmod(number, scale)
        if count:
            words += [_below_thousand(count), name]
    if number or not words:
        words.append(_below_thousand(number))
    return " ".join(words)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{UNITS[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(number: int) -> str:
    if number < len(UNITS):
        return UNITS[number]
    tens, rest = divmod(number, 10)
    return f"{TENS[tens]}-{UNITS[rest]}" if rest else TENS[tens]


def ordinal(number: int) -> str:
    """`21` is "twenty-first"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last += "th"
    return words[:cut] + last


def digits(text: str) -> str:
    """The digits of a text, one word each; other characters are left out."""
    return " ".join(UNITS[int(sign)] for sign in text if sign in "0123456789")


def year(number: int) -> str:
    """`1985` is "nineteen eighty-five", `2005` "two thousand five"."""
    century, rest = divmod(number, 100)
    if not 1100 <= number <= 2099 or 2000 <= number <= 2009:
        return cardinal(number)
    if rest == 0:
        return f"{_below_hundred(century)} hundred"
    return f"{_below_hundred(century)} {'oh ' if rest < 10 else ''}{_below_hundred(rest)}"


def decimal(text: str) -> str:
    """`-1,234.50` is "minus one thousand two hundred thirty-four point five zero"; `007` keeps its zeros."""
    sign = "minus " if text.startswith("-") else ""
    whole, _, fraction = text.removeprefix("-").replace(",", "").partition(".")
    spelled = len(whole) > 1 and whole.startswith("0")
    words = sign + (digits(whole) if spelled else cardinal(int(whole)))
    return f"{words} point {digits(fraction)}" if fraction else words
