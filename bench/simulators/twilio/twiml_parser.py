"""Reading a TwiML document, with a note of everything in it that is not understood.

Source: Twilio docs, "TwiML for Programmable Voice", read 2026-11. Error codes: 12100 (cannot be parsed),
12102 (root is not Response), 12200 (element or attribute not allowed).
"""

from xml.etree import ElementTree

from bench.simulators.twilio.twiml import (
    ConnectStream,
    Dial,
    DialTarget,
    Document,
    Hangup,
    Pause,
    Play,
    Problem,
    Record,
    Redirect,
    Reject,
    Say,
    Verb,
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ATTRIBUTES: dict[str, frozenset[str]] = {
    "Say": frozenset({"voice", "language", "loop"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Connect": frozenset({"action", "method"}),
    "Stream": frozenset({"url", "name", "track", "statusCallback", "statusCallbackMethod"}),
    "Parameter": frozenset({"name", "value"}),
    "Record": _names(
        "action method timeout finishOnKey maxLength playBeep trim recordingStatusCallback "
        "recordingStatusCallbackMethod recordingStatusCallbackEvent transcribe "
        "transcribeCallback"
    ),
    "Dial": _names(
        "action method timeout timeLimit hangupOnStar callerId record trim answerOnBridge "
        "ringTone recordingStatusCallback recordingStatusCallbackMethod "
        "recordingStatusCallbackEvent callReason sequential"
    ),
    "Number": _names(
        "url method sendDigits statusCallback statusCallbackEvent statusCallbackMethod machineDetection"
    ),
    "Conference": _names(
        "muted beep startConferenceOnEnter endConferenceOnExit participantLabel waitUrl "
        "waitMethod maxParticipants record region statusCallback statusCallbackEvent "
        "statusCallbackMethod coach"
    ),
    "Redirect": frozenset({"method"}),
    "Hangup": frozenset(),
    "Reject": frozenset({"reason"}),
}
_CHILDREN: dict[str, frozenset[str]] = {
    "Connect": frozenset({"Stream"}),
    "Stream": frozenset({"Parameter"}),
    "Dial": frozenset({"Number", "Conference"}),
}


def parse(text: str) -> Document | Problem:
    """Parse a TwiML document.

    Args:
        text: the XML.

    Returns:
        The document, or the problem for which it cannot be used at all.
    """
    try:
        root = ElementTree.fromstring(text.strip().encode())
    except ElementTree.ParseError as error:
        return Problem(12100, f"document parse failure: {error}")
    if root.tag != "Response":
        return Problem(12102, f"root element is {root.tag!r}, not 'Response'")
    problems: list[Problem] = []
    verbs: list[Verb] = []
    for element in root:
        verb = _verb(element, problems)
        if verb is not None:
            verbs.append(verb)
    return Document(tuple(verbs), tuple(problems))


def _verb(element: ElementTree.Element, problems: list[Problem]) -> Verb | None:
    _check(element, problems)
    text = " ".join("".join(element.itertext()).split())
    loop = _number(element, "loop", 1)
    match element.tag:
        case "Say":
            return Say(text, loop)
        case "Play":
            return Play(text, loop)
        case "Pause":
            return Pause(_number(element, "length", 1))
        case "Connect":
            return _connect(element, problems)
        case "Record":
            return _record(element)
        case "Dial":
            return _dial(element)
        case "Redirect":
            return Redirect(text, _method(element))
        case "Hangup":
            return Hangup()
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case _:
            return None


def _check(element: ElementTree.Element, problems: list[Problem]) -> None:
    allowed = _ATTRIBUTES.get(element.tag)
    if allowed is None:
        problems.append(Problem(12200, f"element <{element.tag}> is not known"))
        return
    for name in sorted(set(element.keys()) - allowed):
        problems.append(Problem(12200, f"attribute {name!r} is not allowed in <{element.tag}>"))
    children = _CHILDREN.get(element.tag, frozenset())
    for child in element:
        if child.tag in children:
            _check(child, problems)
        else:
            problems.append(Problem(12200, f"<{child.tag}> is not allowed in <{element.tag}>"))


def _connect(element: ElementTree.Element, problems: list[Problem]) -> Verb | None:
    stream = element.find("Stream")
    if stream is None:
        problems.append(Problem(12200, "<Connect> without <Stream>"))
        return None
    return ConnectStream(
        url=stream.get("url", ""),
        name=stream.get("name", ""),
        track=stream.get("track", "inbound_track"),
        parameters=tuple((p.get("name", ""), p.get("value", "")) for p in stream.findall("Parameter")),
        action=element.get("action"),
        method=_method(element),
        status_callback=stream.get("statusCallback"),
        status_callback_method=stream.get("statusCallbackMethod", "POST").upper(),
    )


def _record(element: ElementTree.Element) -> Record:
    return Record(
        action=element.get("action"),
        method=_method(element),
        timeout_s=_number(element, "timeout", 5),
        finish_on_key=element.get("finishOnKey", "1234567890*#"),
        max_length_s=_number(element, "maxLength", 3600),
        recording_status_callback=element.get("recordingStatusCallback"),
    )


def _dial(element: ElementTree.Element) -> Dial:
    targets = [DialTarget("number", (element.text or "").strip())] if (element.text or "").strip() else []
    for child in element:
        name = (child.text or "").strip()
        if child.tag in _CHILDREN["Dial"]:
            targets.append(
                DialTarget(
                    kind=child.tag.lower(),
                    name=name,
                    whisper_url=child.get("url"),
                    status_callback=child.get("statusCallback"),
                    status_callback_events=tuple(child.get("statusCallbackEvent", "completed").split()),
                )
            )
    return Dial(
        targets=tuple(targets),
        action=element.get("action"),
        method=_method(element),
        timeout_s=_number(element, "timeout", 30),
        caller_id=element.get("callerId"),
    )


def _method(element: ElementTree.Element) -> str:
    return element.get("method", "POST").upper()


def _number(element: ElementTree.Element, name: str, default: int) -> int:
    value = element.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else default
