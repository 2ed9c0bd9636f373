"""Whether a request is Twilio's: documented vectors, the forms of a URL it may sign, and forgeries."""

import base64
import hashlib
import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict
from twilio.request_validator import RequestValidator

from bench.simulators.twilio.signature import sign
from carrier.signature import SignatureCheck

TOKEN = "12345"
PUBLIC = "https://example.com"
PATH = "/myapp.php?foo=1&bar=2"
# Source: Twilio, "Webhooks security", the worked example (read 2026-11-24).
VECTOR = "L/OH5YylLD5NRKLltdqwSvS0BnU="
FORM = MultiDict(
    {
        "Digits": "1234",
        "To": "+18005551212",
        "From": "+14158675310",
        "Caller": "+14158675310",
        "CallSid": "CA1234567890ABCDE",
    }
)


def headers(signature: str, settings: str | None = None) -> CIMultiDict[str]:
    given = CIMultiDict({"x-twilio-signature": signature})
    if settings is not None:
        given["x-twilio-webhooks-signature-settings"] = settings
    return given


def signed(url: str, form: MultiDict[str] | None = None, algorithm: str = "HMAC_SHA1") -> str:
    return str(RequestValidator(TOKEN).compute_signature(url, form or {}, algorithm))


def genuine(path_qs: str, signature: str, form: MultiDict[str] | None = None, public: str = PUBLIC) -> bool:
    return SignatureCheck(TOKEN, public).http(path_qs, form if form is not None else FORM, headers(signature))


def test_the_documented_example() -> None:
    assert signed(PUBLIC + PATH, FORM) == VECTOR
    assert genuine(PATH, VECTOR)


@pytest.mark.parametrize(
    "form",
    [
        MultiDict({**FORM, "Digits": "1235"}),
        MultiDict({**FORM, "digits": "1234"}),
        MultiDict({**FORM, "Extra": "x"}),
        MultiDict({name: value for name, value in FORM.items() if name != "Digits"}),
        MultiDict(),
    ],
)
def test_another_form_is_refused(form: MultiDict[str]) -> None:
    assert not genuine(PATH, VECTOR, form)


@pytest.mark.parametrize(
    "path_qs",
    [
        "/myapp.php?bar=2&foo=1",
        "/myapp.php?foo=1&bar=2&",
        "/myapp.php?foo=%31&bar=2",
        "/myapp.php?foo=1&bar=2 ",
        "/myapp.php",
        "/myapp.php/?foo=1&bar=2",
        "//myapp.php?foo=1&bar=2",
        "",
    ],
)
def test_the_query_counts_byte_for_byte(path_qs: str) -> None:
    assert not genuine(path_qs, VECTOR)


@pytest.mark.parametrize(
    "path_qs", ["/a?b=%20+c&d=&e", "/a?", "/a?x=%C3%A9&x=%c3%a9", "/%2F/a?u=https://b:1/c@d", "/a?%"]
)
def test_a_query_is_signed_as_it_came(path_qs: str) -> None:
    assert genuine(path_qs, signed(PUBLIC + path_qs), MultiDict())


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "x",
        VECTOR[:-1],
        VECTOR.lower(),
        f" {VECTOR}",
        VECTOR + "=",
        "é",
        "\udcff" + VECTOR,
        "\x00",
        VECTOR * 1000,
    ],
)
def test_a_forged_signature_is_refused(signature: str) -> None:
    assert not genuine(PATH, signature)


@pytest.mark.parametrize(
    ("path_qs", "form"),
    [("/\udcff", MultiDict[str]()), ("/a", MultiDict({"Body": "\ud800"})), ("/a", MultiDict({"\udc80": ""}))],
)
def test_text_that_cannot_be_signed_is_refused(path_qs: str, form: MultiDict[str]) -> None:
    assert not genuine(path_qs, VECTOR, form)


def test_no_signature_at_all() -> None:
    check = SignatureCheck(TOKEN, PUBLIC)
    assert not check.http(PATH, FORM, CIMultiDict())
    assert not check.websocket("/twilio/media/t", CIMultiDict())


def test_without_a_token_everything_is_refused() -> None:
    for token in (None, ""):
        check = SignatureCheck(token, PUBLIC)
        unkeyed = base64.b64encode(hmac.new(b"", (PUBLIC + "/a").encode(), hashlib.sha1).digest()).decode()
        assert not check.http(PATH, FORM, headers(VECTOR))
        assert not check.http("/a", MultiDict(), headers(unkeyed))
        assert not check.websocket("/a", headers(VECTOR))


@pytest.mark.parametrize(
    ("public", "signed_as", "accepted"),
    [
        # Twilio drops the port of https voice callbacks and keeps others.
        ("https://hum.example:8443", "https://hum.example:8443/v?q=1", True),
        ("https://hum.example:8443", "https://hum.example/v?q=1", True),
        ("https://hum.example:8443", "https://hum.example:443/v?q=1", False),
        ("https://hum.example:8443", "https://hum.example:8444/v?q=1", False),
        ("https://hum.example", "https://hum.example:443/v?q=1", True),
        ("https://hum.example", "https://hum.example:80/v?q=1", False),
        ("https://hum.example:443", "https://hum.example/v?q=1", True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v?q=1", True),
        ("http://127.0.0.1", "http://127.0.0.1:80/v?q=1", True),
        ("http://[::1]:8080", "http://[::1]:8080/v?q=1", True),
        ("http://[::1]", "http://[::1]:80/v?q=1", True),
        ("https://hum.example/", "https://hum.example/v?q=1", True),
        ("https://hum.example/base", "https://hum.example/base/v?q=1", True),
        ("https://hum.example", "http://hum.example/v?q=1", False),
        ("https://hum.example", "https://hum.example.evil/v?q=1", False),
    ],
)
def test_the_port_of_the_public_address(public: str, signed_as: str, accepted: bool) -> None:
    assert genuine("/v?q=1", signed(signed_as, FORM), public=public) is accepted


def test_a_parameter_given_twice() -> None:
    form = MultiDict([("Event", "ringing"), ("To", "+1"), ("Event", "answered"), ("Event", "ringing")])
    # Each value once, sorted. Source: twilio-python 9.13, `RequestValidator.compute_signature`.
    by_hand = hmac.new(b"12345", b"https://example.com/aEventansweredEventringingTo+1", hashlib.sha1).digest()
    assert genuine("/a", base64.b64encode(by_hand).decode(), form)
    assert not genuine("/a", base64.b64encode(by_hand).decode(), MultiDict({"Event": "ringing", "To": "+1"}))


@pytest.mark.parametrize(
    ("settings", "algorithm", "accepted"),
    [
        ("key=sk_1,algorithm=HMAC_SHA256", "HMAC_SHA256", True),
        ("algorithm = hmac_sha256 , key=sk_1", "HMAC_SHA256", True),
        ("key=sk_1,algorithm=HMAC_SHA256", "HMAC_SHA1", False),
        ("key=sk_1,algorithm=HMAC_SHA1", "HMAC_SHA1", True),
        ("key=sk_1", "HMAC_SHA1", True),
        ("", "HMAC_SHA1", True),
        ("algorithm=", "HMAC_SHA1", True),
        ("algorithm=HMAC_MD5", "HMAC_SHA1", False),
        ("algorithm=none", "HMAC_SHA1", False),
        ("algorithm=\udcff", "HMAC_SHA1", False),
        (None, "HMAC_SHA256", False),
    ],
)
def test_the_algorithm_named_in_the_settings_header(
    settings: str | None, algorithm: str, accepted: bool
) -> None:
    url = PUBLIC + PATH
    check = SignatureCheck(TOKEN, PUBLIC)
    assert check.http(PATH, FORM, headers(signed(url, FORM, algorithm), settings)) is accepted
    media = signed("wss://example.com/twilio/media/t", None, algorithm)
    assert check.websocket("/twilio/media/t", headers(media, settings)) is accepted


@pytest.mark.parametrize(
    ("signed_as", "accepted"),
    [
        ("wss://hum.example/twilio/media/mt_1", True),
        ("wss://hum.example/twilio/media/mt_1/", True),
        ("wss://hum.example:443/twilio/media/mt_1", True),
        ("wss://hum.example:443/twilio/media/mt_1/", True),
        ("https://hum.example/twilio/media/mt_1", False),
        ("ws://hum.example/twilio/media/mt_1", False),
        ("wss://hum.example/twilio/media/mt_1//", False),
        ("wss://hum.example/twilio/media/mt_2", False),
        ("wss://hum.example/twilio/media/mt_1?x=1", False),
        ("wss://hum.example:8443/twilio/media/mt_1", False),
    ],
)
@pytest.mark.parametrize("path", ["/twilio/media/mt_1", "/twilio/media/mt_1/"])
def test_the_handshake_of_a_media_stream(path: str, signed_as: str, accepted: bool) -> None:
    check = SignatureCheck(TOKEN, "https://hum.example/")
    assert check.websocket(path, headers(signed(signed_as))) is accepted


def test_the_handshake_over_plain_loopback() -> None:
    check = SignatureCheck(TOKEN, "http://127.0.0.1:8080")
    assert check.websocket("/m", headers(signed("ws://127.0.0.1:8080/m")))
    assert check.websocket("/m", headers(signed("ws://127.0.0.1/m")))
    assert not check.websocket("/m", headers(signed("wss://127.0.0.1:8080/m")))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
queries = st.text(string.ascii_letters + string.digits + "%&=+/?:@._-", max_size=30)


@given(
    st.lists(st.tuples(words, words), max_size=6), queries, st.sampled_from([PUBLIC, "http://127.0.0.1:8080"])
)
def test_what_the_simulated_carrier_signs_is_genuine(
    pairs: list[tuple[str, str]], query: str, public: str
) -> None:
    path_qs = f"/twilio/voice/num_1?q={query}"
    form = MultiDict(pairs)
    given = headers(sign(TOKEN, public + path_qs, tuple(pairs)))
    assert SignatureCheck(TOKEN, public).http(path_qs, form, given)
    assert not SignatureCheck(TOKEN + "6", public).http(path_qs, form, given)
    assert not SignatureCheck(TOKEN, public).http(path_qs + "x", form, given)
