"""Frames and payload pieces: nothing lost, nothing added, every cut on a frame."""

import base64
import binascii
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media import framing
from media.errors import MediaError
from media.framing import FrameAssembler, PayloadCutter, payload_size_bytes
from media.mulaw import FRAME_BYTES, SILENCE

chunks = st.lists(st.binary(max_size=1200), max_size=12)


def numbered(size_bytes: int, start: int = 0) -> bytes:
    """Bytes whose order is visible: any shift or swap shows."""
    return bytes((start + i) * 7919 % 251 for i in range(size_bytes))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---- frames


@given(chunks)
def test_frames_are_the_input_cut_every_160_bytes(parts: list[bytes]) -> None:
    assembler = FrameAssembler()
    frames = [frame for part in parts for frame in assembler.push(part)]
    total = b"".join(parts)
    assert all(len(frame) == FRAME_BYTES for frame in frames)
    assert b"".join(frames) == total[: len(total) - len(total) % FRAME_BYTES]
    last = assembler.flush()
    padded = total + bytes([SILENCE]) * (-len(total) % FRAME_BYTES)
    assert b"".join(frames + last) == padded
    assert assembler.flush() == []
    assert assembler.push(b"") == []


# ---- payload pieces


def check_pieces(pieces: list[str], piece_bytes: int) -> bytes:
    decoded = [base64.b64decode(piece, validate=True) for piece in pieces]
    for piece, data in zip(pieces, decoded, strict=True):
        assert data
        assert len(data) % FRAME_BYTES == 0
        assert payload_size_bytes(piece) == len(data)
        assert len(data) < piece_bytes + 480
    return b"".join(decoded)


@given(chunks, st.sampled_from([60, 120, 180]))
@example([b"\x01\x02"] * 700, 60)  # two at a time never meet a frame's end on a group by themselves
@example([b"\x01"] * 700, 120)
@example([b"\x01" * 161, b"\x02" * 479], 60)
@example([b"\x01" * 160, b""], 60)
def test_pieces_together_are_the_input(parts: list[bytes], piece_ms: int) -> None:
    cutter = PayloadCutter(piece_ms)
    piece_bytes = piece_ms * 8
    pieces: list[str] = []
    taken = b""
    for part in parts:
        pieces += cutter.push(b64(part))
        taken += part
        assert len(taken) - len(check_pieces(pieces, piece_bytes)) < piece_bytes + 480  # bounded
    total = b"".join(parts)
    so_far = check_pieces(pieces, piece_bytes)
    assert total.startswith(so_far)
    last = cutter.flush()
    padding = bytes([SILENCE]) * (-len(total) % FRAME_BYTES)
    assert check_pieces(pieces + last, piece_bytes) == total + padding
    assert cutter.flush() == []


def test_aligned_payloads_are_passed_on_as_text_and_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b64(numbered(4800))
    monkeypatch.setattr(framing, "binascii", None)  # anything that decodes or encodes now fails
    cutter = PayloadCutter(60)
    assert cutter.push(text) == [text[i : i + 640] for i in range(0, 6400, 640)]
    assert cutter.push(text[:1000]) == [text[:640]]
    assert cutter.push(text[1000:1280]) == [text[640:1280]]


def test_after_a_padded_payload_only_the_join_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    class Counting:
        b2a_base64 = staticmethod(binascii.b2a_base64)

        @staticmethod
        def a2b_base64(text: str) -> bytes:
            decoded.append(len(text))
            return binascii.a2b_base64(text)

    monkeypatch.setattr(framing, "binascii", Counting)
    data = numbered(48_000 + 4801)
    cutter = PayloadCutter(120)
    pieces = cutter.push(b64(data[:4801]))
    pieces += cutter.push(b64(data[4801:]))
    assert sum(decoded) <= 4 + 640
    assert b"".join(base64.b64decode(piece) for piece in pieces + cutter.flush()).startswith(data)


def test_two_short_payloads_that_make_up_whole_groups_are_text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = numbered(963)
    cutter = PayloadCutter(60)
    assert cutter.push(b64(data[:1])) == cutter.push(b64(data[1:3])) == []
    monkeypatch.setattr(framing, "binascii", None)
    assert "".join(cutter.push(b64(data[3:]))) == b64(data[:960])


def test_payloads_that_never_meet_a_cut_are_cut_all_the_same() -> None:
    # Always one or two bytes past whole groups, and never on a frame's end.
    cutter = PayloadCutter(60)
    taken, given_out = 0, b""
    for _ in range(2000):
        size = 1 if taken % 3 != 2 else 2
        if (taken + size) % FRAME_BYTES == 0:
            size += 3
        given_out += check_pieces(cutter.push(b64(numbered(size, taken))), 480)
        taken += size
        assert taken - len(given_out) < 960
    assert given_out == numbered(len(given_out))


@given(st.binary(max_size=700), st.binary(max_size=700))
def test_clear_forgets_what_is_held(before: bytes, after: bytes) -> None:
    cutter = PayloadCutter(60)
    cutter.push(b64(before))
    cutter.clear()
    pieces = cutter.push(b64(after)) + cutter.flush()
    assert b"".join(base64.b64decode(piece) for piece in pieces)[: len(after)] == after


@pytest.mark.parametrize(
    "rubbish",
    [
        "A",
        "AA",
        "AAA",
        "AAAA=",
        "A===",
        "====",
        "=AAA",
        "AA=A",
        "AAA*",
        "AA AAAA=",
        "AAA\n",
        "ÄAAA",
        "AA==AAAA",
        "AA-_",
    ],
)
def test_rubbish_is_refused_and_leaves_the_cutter_as_it_was(rubbish: str) -> None:
    cutter = PayloadCutter(60)
    held = numbered(100)
    cutter.push(b64(held))
    with pytest.raises(MediaError):
        cutter.push(rubbish)
    pieces = cutter.push(b64(numbered(380, 100))) + cutter.flush()
    assert check_pieces(pieces, 480) == numbered(480)


@given(st.text(alphabet="AQg+/=w \nÄ*", max_size=24))
def test_strict_exactly_where_base64_is(text: str) -> None:
    # RFC 4648, section 4: groups of four, the last one possibly padded.
    symbol = "[A-Za-z0-9+/]"
    valid = re.fullmatch(f"(?:{symbol}{{4}})*(?:{symbol}{{2}}==|{symbol}{{3}}=)?", text) is not None
    cutter = PayloadCutter(60)
    if valid:
        expected = base64.b64decode(text)
        pieces = cutter.push(text) + cutter.flush()
        assert b"".join(base64.b64decode(piece) for piece in pieces)[: len(expected)] == expected
    else:
        with pytest.raises(MediaError):
            cutter.push(text)


@given(st.binary(max_size=500))
def test_payload_size_without_decoding(data: bytes) -> None:
    assert payload_size_bytes(b64(data)) == len(data)


@pytest.mark.parametrize("text", ["A", "AA", "AAAAA"])
def test_payload_size_of_a_broken_payload(text: str) -> None:
    with pytest.raises(MediaError):
        payload_size_bytes(text)


@pytest.mark.parametrize("piece_ms", [0, -60, 20, 40, 100, 61])
def test_piece_lengths_that_cannot_be(piece_ms: int) -> None:
    with pytest.raises(MediaError):
        PayloadCutter(piece_ms)


# ---- speech somebody waits for


hurried = st.lists(st.tuples(st.binary(max_size=1500), st.booleans()), max_size=14)


@given(hurried, st.sampled_from([60, 120, 180]))
@example([(b"\x01" * 160, True)], 60)  # the fast path
@example([(b"\x01" * 480, True), (b"\x02" * 480, True)], 60)
@example([(b"\x01" * 100, False), (b"\x02" * 160, True), (b"\x03" * 60, True)], 60)
@example([(b"\x01" * 159, True), (b"", True), (b"\x02", True)], 120)
@example([(b"\x01" * 960, False), (b"", True)], 180)
def test_hurry_holds_nothing_back_but_part_of_a_frame(parts: list[tuple[bytes, bool]], piece_ms: int) -> None:
    cutter = PayloadCutter(piece_ms)
    pieces: list[str] = []
    taken = b""
    for part, hurry in parts:
        pieces += cutter.push(b64(part), hurry=hurry)
        taken += part
        given_out = check_pieces(pieces, piece_ms * 8)
        assert taken.startswith(given_out)
        held_bytes = len(taken) - len(given_out)
        assert held_bytes < (FRAME_BYTES if hurry else piece_ms * 8 + 480)
        assert not hurry or held_bytes == len(taken) % FRAME_BYTES
    padding = bytes([SILENCE]) * (-len(taken) % FRAME_BYTES)
    assert check_pieces(pieces + cutter.flush(), piece_ms * 8) == taken + padding
    assert cutter.flush() == []


def test_a_hurried_payload_of_whole_frames_is_passed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [b64(numbered(size)) for size in (160, 320, 480, 960)]
    monkeypatch.setattr(framing, "binascii", None)  # anything that decodes or encodes now fails
    cutter = PayloadCutter(120)
    for text in frames:
        assert cutter.push(text, hurry=True) == [text]


@pytest.mark.parametrize("held_bytes", [0, 100, 480])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("foreign", ['"', "\\", "\n", " ", "-", "=", "Ä", "\x00"])
def test_rubbish_the_length_of_a_frame_is_refused_in_a_hurry_too(
    held_bytes: int, where: str, foreign: str
) -> None:
    cutter = PayloadCutter(120)
    held = numbered(held_bytes)
    before = cutter.push(b64(held))
    good = b64(numbered(FRAME_BYTES, held_bytes))
    at = {"first": 0, "middle": 107, "last": len(good) - 3}[where]
    rubbish = good[:at] + foreign + good[at + 1 :]
    with pytest.raises(MediaError):
        cutter.push(rubbish, hurry=True)
    with pytest.raises(MediaError):
        cutter.push(good[:-1], hurry=True)
    pieces = before + cutter.push(good, hurry=True) + cutter.flush()
    taken = numbered(held_bytes + FRAME_BYTES)
    assert check_pieces(pieces, 960).startswith(taken)
