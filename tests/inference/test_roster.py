import pytest

from ringline.core.clock import VirtualClock
from ringline.inference.cards import ModelCard, Tier
from ringline.inference.errors import UnknownModel
from ringline.inference.gate import Gate
from ringline.inference.registry import Task
from ringline.inference.replicas import FixedReplica
from ringline.inference.roster import Roster, Served, shipped_aliases
from ringline.inference.upstream import Upstream
from ringline.node.inference import make_client
from ringline.workers.admission import Limits

pytestmark = pytest.mark.unit

CLOCK = VirtualClock()


def served(id: str, *, is_ours: bool = False, base: str | None = None) -> Served:
    upstream = Upstream("u", [FixedReplica("http://127.0.0.1:1/v1")], make_client(), CLOCK)
    card = ModelCard(id, Task.CHAT, base=base)
    return Served(card, upstream, id, Gate(id, Limits(1, 1), CLOCK), is_ours)


def roster(*models: Served, default: str = "", aliases: dict[str, str] | None = None) -> Roster:
    made = Roster(default, shipped_aliases() if aliases is None else aliases)
    for model in models:
        made.put(model)
    return made


def found(one: Roster, name: str) -> str:
    return one.find(name, "").card.id


def test_telnyx_own_default_means_the_default_model() -> None:
    one = roster(served("small", is_ours=True))
    assert found(one, "meta-llama/Meta-Llama-3.1-8B-Instruct") == "small"
    assert found(one, "") == "small"


def test_an_engines_model_goes_before_an_alias_of_the_same_name() -> None:
    name = "meta-llama/Meta-Llama-3.1-8B-Instruct"
    assert found(roster(served("other"), served(name)), name) == name


def test_other_engines_are_the_default_before_ours_and_adapters_never_are() -> None:
    one = roster(served("tuned", is_ours=True, base="ours"), served("ours", is_ours=True), served("theirs"))
    assert found(one, "") == "theirs"
    one.drop("theirs")
    assert found(one, "") == "ours"


def test_the_configured_default_holds_also_as_an_alias() -> None:
    aliases = {"fast": "b", "usual": ""}
    assert found(roster(served("a"), served("b"), default="b", aliases=aliases), "usual") == "b"
    assert found(roster(served("a"), served("b"), default="fast", aliases=aliases), "") == "b"


@pytest.mark.parametrize("name", ["nobody", "lost", "", "x" * 5000])
def test_unknown_names(name: str) -> None:
    one = roster(served("a"), default="gone", aliases={"lost": "gone too"})
    with pytest.raises(UnknownModel) as refused:
        one.find(name, "")
    assert len(str(refused.value)) < 400


def test_nothing_at_all() -> None:
    with pytest.raises(UnknownModel, match="models pull"):
        roster().find("", "")


@pytest.mark.parametrize(
    ("parameters", "tier"),
    [
        (0, Tier.UNLISTED),
        (8_000_000_000, Tier.SMALL),
        (70_000_000_000, Tier.MEDIUM),
        (400 * 10**9, Tier.LARGE),
    ],
)
def test_tiers(parameters: int, tier: Tier) -> None:
    assert ModelCard("org/name", Task.CHAT, parameters=parameters).tier is tier
    assert ModelCard("org/name", Task.CHAT).organization == "org"
    assert ModelCard("name", Task.CHAT, owner="me").organization == "me"
