"""Random guides, the same for the same seed, with texts that fulfil them."""

import random
import string
from typing import Any

WORDS = ("name", "city", "count", "tags", "is open", "größe", 'quo"te', "a/b")


def schema(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """A schema of what is understood; every kind comes up."""
    kinds = ["string", "text", "integer", "number", "boolean", "null", "enum", "const", "pattern", "format"]
    if depth:
        kinds += ["object", "array", "map", "tuple", "either", "object", "array"]
    match rng.choice(kinds):
        case "string":
            least = rng.randint(0, 4)
            return {"type": "string", "minLength": least, "maxLength": least + rng.randint(0, 12)}
        case "text":
            return {"type": "string", "maxLength": 30}
        case "integer":
            low = rng.randint(-1500, 1500)
            return {"type": "integer", "minimum": low, "maximum": low + rng.randint(0, 3000)}
        case "number":
            low = rng.randint(-3000, 3000) / 100
            edge = rng.choice(["minimum", "exclusiveMinimum"])
            return {"type": "number", edge: low, "maximum": round(low + rng.randint(1, 500) / 100, 2)}
        case "boolean":
            return {"type": "boolean"}
        case "null":
            return {"type": ["null", "boolean"]}
        case "enum":
            return {"enum": rng.sample([1, "one", None, True, 2.5, 'two \\ "', ["a"], {"b": 1}], 3)}
        case "const":
            return {"const": rng.choice(["fixed", 7, None])}
        case "pattern":
            return {"type": "string", "pattern": f"^{regex(rng)}$"}
        case "format":
            return {
                "type": "string",
                "format": rng.choice(["date", "date-time", "uuid", "email", "ipv4", "time"]),
            }
        case "object":
            names = rng.sample(WORDS, rng.randint(1, 4))
            return {
                "type": "object",
                "properties": {name: schema(rng, depth - 1) for name in names},
                "required": [name for name in names if rng.random() < 0.7],
                "additionalProperties": False,
            }
        case "map":
            return {
                "type": "object",
                "properties": {"name": schema(rng, 0)},
                "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 99},
            }
        case "tuple":
            items = [schema(rng, depth - 1) for _ in range(2)]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": 2}
        case "either":
            return {"anyOf": [schema(rng, depth - 1), {"type": "null"}]}
        case _:
            least = rng.randint(0, 2)
            return {
                "type": "array",
                "items": schema(rng, depth - 1),
                "minItems": least,
                "maxItems": least + rng.randint(0, 2),
            }


def regex(rng: random.Random, depth: int = 2) -> str:
    """A regex of what is understood, without anchors."""
    if not depth:
        return rng.choice(["[0-9]", "[a-f]", r"\d", r"\w", "x", "é", r"\.", r"\-", "[^a-z\\s]", "[A-Z_]"])
    match rng.randrange(5):
        case 0:
            return "".join(regex(rng, depth - 1) for _ in range(rng.randint(1, 3)))
        case 1:
            return f"(?:{regex(rng, depth - 1)}|{regex(rng, depth - 1)})"
        case 2:
            return f"(?:{regex(rng, depth - 1)}){{{rng.randint(0, 2)},{rng.randint(2, 4)}}}"
        case 3:
            return f"({regex(rng, depth - 1)}){rng.choice('?')}{regex(rng, 0)}"
        case _:
            return f"{regex(rng, 0)}{rng.choice(['', '{3}', '{1,2}'])}"


def choices(rng: random.Random) -> tuple[str, ...]:
    """Some strings, with blanks and quotes among them."""
    letters = string.ascii_letters + " '\"\\äß\n"
    return tuple("".join(rng.choices(letters, k=rng.randint(1, 10))) for _ in range(rng.randint(1, 5)))
