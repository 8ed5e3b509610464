"""Digest: the RFCs' own numbers, both sides against each other, replay, and equal answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.sip.digest import Challenge, Challenger, Credentials, Ha1, Outcome, authorize, best
from ringline.sip.params import SipError

pytestmark = pytest.mark.unit

SECRET = b"sixteen bytes or more"
REALM = "example.com"
BOB = Ha1.of("bob", REALM, "zanzibar")
BOTH = ("SHA-256", "MD5")


def lookup(user: str) -> Ha1 | None:
    return BOB if user == "bob" else None


def answer(
    challenge: str,
    *,
    user: str = "bob",
    secret: str | Ha1 = "zanzibar",
    method: str = "REGISTER",
    nc: int = 1,
) -> str:
    return authorize(
        Challenge.parse(challenge), user, secret, method, "sip:example.com", cnonce="0a4f113b", nc=nc
    )


# -- golden numbers


def test_rfc_2617_section_3_5() -> None:
    challenge = Challenge.parse(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    value = authorize(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", cnonce="0a4f113b")
    assert value == (
        'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", algorithm=MD5, '
        'cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001'
    )


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    challenge = Challenge(
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm,
        ("auth", "auth-int"),
    )
    value = authorize(
        challenge,
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert Credentials.parse(value).response == response


def test_rfc_2069_without_qop() -> None:  # the example of RFC 2069 §2.4 as its errata correct it
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="x")
    value = authorize(challenge, "Mufasa", "CircleOfLife", "GET", "/dir/index.html", cnonce="unused")
    assert Credentials.parse(value).response == "1949323746fe6a43ef61f9606e7febea"
    assert "cnonce" not in value
    assert "nc=" not in value


@pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA-256-sess"])
def test_session_variants_differ_and_need_the_cnonce(algorithm: str) -> None:
    challenge = Challenge(REALM, "n", algorithm, ("auth",))
    one = Credentials.parse(authorize(challenge, "bob", BOB, "BYE", "sip:a", cnonce="1"))
    two = Credentials.parse(authorize(challenge, "bob", BOB, "BYE", "sip:a", cnonce="2"))
    plain = Credentials.parse(
        authorize(Challenge(REALM, "n", algorithm[:-5], ("auth",)), "bob", BOB, "BYE", "sip:a", cnonce="1")
    )
    assert len({one.response, two.response, plain.response}) == 3
    assert 'cnonce="1"' in authorize(Challenge(REALM, "n", algorithm), "bob", BOB, "BYE", "sip:a", cnonce="1")


def test_auth_int_covers_the_body() -> None:
    challenge = Challenge(REALM, "n", "MD5", ("auth-int",))
    values = {authorize(challenge, "bob", BOB, "INFO", "sip:a", body, cnonce="c") for body in (b"1", b"2")}
    assert len(values) == 2
    assert all("qop=auth-int" in value for value in values)
    value = authorize(challenge, "bob", BOB, "INFO", "sip:a", b"1", cnonce="c")
    assert Credentials.parse(value).expected(BOB, "INFO", b"1") == Credentials.parse(value).response


def test_the_password_and_its_ha1_are_one() -> None:
    challenge = Challenge(REALM, "n", "SHA-256", ("auth",))
    assert answer(str(challenge), secret="zanzibar") == answer(str(challenge), secret=BOB)


# -- reading


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic abc",
        "Digest",
        'Digest realm="x"',
        'Digest nonce="x"',
        'Digest realm="x", nonce="y", realm="z"',
        'Digest realm="x" nonce="y"',
        'Digest realm="x", nonce',
        'Digest realm="x, nonce="y"',
    ],
)
def test_what_is_no_challenge(value: str) -> None:
    with pytest.raises(SipError):
        Challenge.parse(value)


def test_a_challenge_is_read_however_it_is_spaced() -> None:
    challenge = Challenge.parse(
        'DIGEST  Realm = "a, \\"b\\"" ,nonce="n=1",, qop="AUTH , auth-int",stale=TRUE,x=y'
    )
    assert challenge == Challenge('a, "b"', "n=1", "MD5", ("auth", "auth-int"), None, stale=True)
    assert Challenge.parse(str(challenge)) == challenge
    opaque = Challenge("r", "n", opaque='o"')
    assert Challenge.parse(str(opaque)) == opaque


def test_the_best_challenge_is_chosen() -> None:
    md5, sha = (f'Digest realm="r", nonce="{a}", algorithm={a}, qop="auth"' for a in ("MD5", "SHA-256"))
    strange = 'Digest realm="r", nonce="n", algorithm=SHA-512-256'
    only_strange_qop = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="other"'
    assert best([md5, strange, "Basic x", only_strange_qop, sha]) == Challenge.parse(sha)
    assert best([md5, md5.replace('"MD5"', '"second"')]) == Challenge.parse(md5)
    assert best([strange, only_strange_qop, "nonsense"]) is None
    assert best([]) is None


@pytest.mark.parametrize(
    "change",
    [
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        (", nc=00000001", ""),
        ('cnonce="0a4f113b", ', ""),
        ('username="bob", ', ""),
        ("response=", "other="),
        ("Digest ", "Bearer "),
    ],
)
def test_malformed_credentials_are_refused(change: tuple[str, str]) -> None:
    challenger = Challenger(SECRET, REALM)
    value = answer(challenger.challenge(0)[0])
    assert change[0] in value
    with pytest.raises(SipError) as caught:
        challenger.verify(value.replace(*change), lookup, "REGISTER", 0)
    assert caught.value.status == 400


# -- the server


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"])
def test_a_right_answer_is_valid(algorithm: str) -> None:
    challenger = Challenger(SECRET, REALM, algorithms=[algorithm])
    (value,) = challenger.challenge(5)
    verified = challenger.verify(answer(value), lookup, "REGISTER", 6)
    assert (verified.outcome, verified.username) == (Outcome.VALID, "bob")


def test_both_algorithms_are_offered_in_order_and_taken() -> None:
    challenger = Challenger(SECRET, REALM, algorithms=BOTH)
    values = challenger.challenge(0)
    assert [Challenge.parse(value).algorithm for value in values] == ["SHA-256", "MD5"]
    chosen = best(values)
    assert chosen is not None
    assert chosen.algorithm == "SHA-256"
    for count, value in enumerate(values, start=1):
        assert challenger.verify(answer(value, nc=count), lookup, "REGISTER", 1).outcome is Outcome.VALID


def test_what_was_not_offered_is_wrong() -> None:
    challenger = Challenger(SECRET, REALM, algorithms=["SHA-256"])
    weaker = challenger.challenge(0)[0].replace("SHA-256", "MD5")
    assert challenger.verify(answer(weaker), lookup, "REGISTER", 1).outcome is Outcome.WRONG
    integrity = challenger.challenge(0)[0].replace('"auth"', '"auth-int"')
    assert challenger.verify(answer(integrity), lookup, "REGISTER", 1).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("user", "secret", "method"),
    [("bob", "wrong", "REGISTER"), ("eve", "zanzibar", "REGISTER"), ("bob", "zanzibar", "INVITE")],
)
def test_wrong_user_secret_and_method_get_the_same_answer(user: str, secret: str, method: str) -> None:
    challenger = Challenger(SECRET, REALM)
    value = answer(challenger.challenge(0)[0], user=user, secret=secret, method=method)
    verified = challenger.verify(value, lookup, "REGISTER", 1)
    assert (verified.outcome, verified.username) == (Outcome.WRONG, user)


def test_another_realm_is_wrong() -> None:
    challenger = Challenger(SECRET, REALM)
    value = answer(challenger.challenge(0)[0].replace(REALM, "example.org"))
    assert challenger.verify(
        value, lambda _: Ha1.of("bob", "example.org", "zanzibar"), "REGISTER", 1
    ).outcome is (Outcome.WRONG)


def test_an_unknown_user_is_wrong_even_with_the_stand_in_secret() -> None:
    challenger = Challenger(SECRET, REALM)
    value = answer(challenger.challenge(0)[0], user="eve", secret=SECRET.hex())
    assert challenger.verify(value, lookup, "REGISTER", 1).outcome is Outcome.WRONG


def test_a_nonce_lives_as_long_as_it_should() -> None:
    challenger = Challenger(SECRET, REALM, lifetime_ns=60 * SECOND)
    value = challenger.challenge(10 * SECOND)[0]
    assert challenger.verify(answer(value), lookup, "REGISTER", 70 * SECOND - 1).outcome is Outcome.VALID
    late = challenger.verify(answer(value, nc=2), lookup, "REGISTER", 70 * SECOND)
    assert late.outcome is Outcome.STALE
    again = challenger.challenge(70 * SECOND, stale=True)[0]
    assert Challenge.parse(again).stale
    assert challenger.verify(answer(again), lookup, "REGISTER", 71 * SECOND).outcome is Outcome.VALID


@pytest.mark.parametrize("nonce", ["", "x", "AAAA", "A" * 32, "ï", "\udcff"])
def test_a_nonce_that_is_not_ours_is_stale_for_those_who_know_the_secret(nonce: str) -> None:
    challenger = Challenger(SECRET, REALM)
    value = answer(str(Challenge(REALM, nonce, "MD5", ("auth",))))
    assert challenger.verify(value, lookup, "REGISTER", 1).outcome is Outcome.STALE
    wrong = answer(str(Challenge(REALM, nonce, "MD5", ("auth",))), secret="guess")
    assert challenger.verify(wrong, lookup, "REGISTER", 1).outcome is Outcome.WRONG


def test_another_servers_nonce_and_one_from_the_future_are_stale() -> None:
    challenger, other = Challenger(SECRET, REALM), Challenger(b"another sixteen bytes", REALM)
    assert challenger.verify(answer(other.challenge(0)[0]), lookup, "REGISTER", 1).outcome is Outcome.STALE
    assert (
        challenger.verify(answer(challenger.challenge(9)[0]), lookup, "REGISTER", 1).outcome is Outcome.STALE
    )


def test_every_nonce_is_new() -> None:
    challenger = Challenger(SECRET, REALM)
    assert len({challenger.challenge(0)[0] for _ in range(100)}) == 100


def test_counts_may_come_out_of_order_but_never_twice() -> None:
    challenger = Challenger(SECRET, REALM)
    value = challenger.challenge(0)[0]

    def outcome(nc: int) -> Outcome:
        return challenger.verify(answer(value, nc=nc), lookup, "REGISTER", 1).outcome

    assert [outcome(nc) for nc in (1, 3, 2, 70, 8, 69)] == [Outcome.VALID] * 6
    assert [outcome(nc) for nc in (1, 2, 3, 8, 69, 70, 0, 6)] == [Outcome.STALE] * 8
    assert outcome(2**32 - 1) is Outcome.VALID
    assert outcome(70) is Outcome.STALE


@given(st.lists(st.integers(0, 200), max_size=80))
@settings(max_examples=40)
def test_no_count_is_taken_twice(counts: list[int]) -> None:
    challenger = Challenger(SECRET, REALM)
    value = challenger.challenge(0)[0]
    taken: list[int] = []
    for nc in counts:
        if challenger.verify(answer(value, nc=nc), lookup, "REGISTER", 1).outcome is Outcome.VALID:
            assert nc > max(taken, default=0) - 64
            taken.append(nc)
    assert len(taken) == len(set(taken))
    assert max(taken, default=0) == max(counts, default=0)


def test_the_old_form_without_qop_is_taken_while_the_nonce_lives() -> None:
    challenger = Challenger(SECRET, REALM)
    value = challenger.challenge(0)[0].replace(', qop="auth"', "")
    for _ in range(2):  # nothing in it could tell a copy
        assert challenger.verify(answer(value), lookup, "REGISTER", 1).outcome is Outcome.VALID
    assert challenger.verify(answer(value), lookup, "REGISTER", 300 * SECOND).outcome is Outcome.STALE


def test_memory_is_bounded_and_what_is_forgotten_cannot_be_replayed() -> None:
    challenger = Challenger(SECRET, REALM, capacity=3)
    values = [challenger.challenge(now)[0] for now in range(1, 6)]
    unused = challenger.challenge(1)[0]
    for value in values:
        assert challenger.verify(answer(value), lookup, "REGISTER", 9).outcome is Outcome.VALID
    assert len(challenger._used) == 3
    for value in (*values, unused):  # seen, forgotten, or as old as the forgotten
        assert challenger.verify(answer(value), lookup, "REGISTER", 9).outcome is Outcome.STALE
    assert challenger.verify(answer(values[4], nc=2), lookup, "REGISTER", 9).outcome is Outcome.VALID


def test_strangers_fill_no_memory() -> None:
    challenger = Challenger(SECRET, REALM)
    for now in range(20):
        value = challenger.challenge(now)[0]
        challenger.verify(answer(value, secret="guess"), lookup, "REGISTER", now)
        challenger.verify(answer(value, user="eve"), lookup, "REGISTER", now)
    assert not challenger._used


@pytest.mark.parametrize(
    "arguments",
    [
        {"secret": b"short"},
        {"algorithms": ()},
        {"algorithms": ("SHA-512-256",)},
        {"capacity": 0},
    ],
)
def test_a_challenger_checks_its_arguments(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"algorithm|secret"):
        Challenger(**{"secret": SECRET, "realm": REALM, **arguments})  # type: ignore[arg-type]  # bad on purpose


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_text_is_read_or_refused(text: str) -> None:
    challenger = Challenger(SECRET, REALM)
    good = answer(challenger.challenge(0)[0])
    for value in (text, f"Digest {text}", f"{good}, {text}", good.replace("bob", text)):
        try:
            verified = challenger.verify(value, lambda _: None, "REGISTER", 0)
        except SipError:
            continue
        assert verified.outcome is Outcome.WRONG


@given(
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1, max_size=12),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["MD5", "SHA-256"]),
)
@settings(max_examples=60)
def test_any_user_and_password_pass(user: str, password: str, algorithm: str) -> None:
    challenger = Challenger(SECRET, REALM, algorithms=[algorithm])
    value = answer(challenger.challenge(0)[0], user=user, secret=password)
    stored = {user: Ha1.of(user, REALM, password)}
    verified = challenger.verify(value, stored.get, "REGISTER", 1)
    assert (verified.outcome, verified.username) == (Outcome.VALID, user)
