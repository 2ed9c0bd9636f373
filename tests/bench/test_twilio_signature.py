"""Signatures written from the algorithm, against the SDK's validator and the documented example."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from bench.simulators.twilio.signature import sign, signed_url

DOCUMENTED = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}
NAMES = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


class Repeated(dict[str, list[str]]):
    """A multi-dict as the SDK's validator knows it."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def test_the_documented_example() -> None:
    # https://www.twilio.com/docs/usage/security, "Validating Signatures", with its token and URL.
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, DOCUMENTED.items()) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=20),
    st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=3), max_size=6),
)
def test_the_sdk_accepts_what_is_signed(token: str, params: dict[str, list[str]]) -> None:
    url = "http://127.0.0.1:8080/twilio/voice/number_1?x=%20&y="
    pairs = [(name, value) for name, values in params.items() for value in values]
    signature = sign(token, url, pairs)
    assert RequestValidator(token).validate(url, Repeated(params), signature)
    assert not RequestValidator(token + "x").validate(url, Repeated(params), signature)
    assert not RequestValidator(token).validate(url + "&z=1", Repeated(params), signature)


def test_what_of_a_url_is_signed() -> None:
    assert signed_url("https://user:pass@example.com:8443/a?b=1#rc=2") == "https://example.com/a?b=1"
    assert signed_url("http://example.com:8080/a") == "http://example.com:8080/a"
    assert signed_url("wss://example.com:443/media/t") == "wss://example.com/media/t"
    assert signed_url("wss://example.com/media/t") == "wss://example.com/media/t"
