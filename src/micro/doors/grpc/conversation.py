"""One HTTP/2 connection to a gRPC server: calls go in and bytes come out, bytes go in and answers come out.

Pure.

h2 knows HTTP/2. What it would make of a GOAWAY is the end of everything, while gRPC's servers say so when they are
about to stop and finish what is under way; so those frames are taken out before h2 sees them.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from micro.doors.grpc.status import DETAILS_KEY

__all__ = ["Conversation", "Course", "Status"]

MESSAGE_BYTES_MAX: Final = 4_194_304
HEADERS_BYTES_MAX: Final = 16_384
FRAME_BYTES_MAX: Final = 16_384
HELD_BYTES_MAX: Final = 65_536
"""So many bytes of whole messages wait for their reader before the server is held back."""

CONNECTION_WINDOW: Final = 33_554_432
"""So many bytes may be unread of all calls together: more than all may hold, or one would hold back the others."""

GOAWAY, HEAD_BYTES, PREFIX_BYTES = 0x7, 9, 5
OK, CANCELLED, UNKNOWN, EXHAUSTED, INTERNAL, UNAVAILABLE = 0, 1, 2, 8, 13, 14
_OF_HTTP: Final = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_OF_RESET: Final = {
    ErrorCodes.REFUSED_STREAM: UNAVAILABLE,
    ErrorCodes.CANCEL: CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: EXHAUSTED,
}
"""Both as gRPC's own document maps them, which has UNKNOWN and INTERNAL for all others."""


class Status(NamedTuple):
    """How a call ended.

    Attributes:
        code: gRPC's.
        sentence: what is said of it.
        details: `google.rpc.Status`, if any.
        is_unasked: whether the server did nothing for it.
    """

    code: int
    sentence: str = ""
    details: bytes = b""
    is_unasked: bool = False


class Course:
    """One call.

    Attributes:
        messages: what the server said and nobody has taken yet.
        status: how it ended, None while it goes on.
        unsent: what is said and waits for the server to take it.
        is_said: whether no more is said after that, and `has_ended` whether the server was told so.
        on_change: told when any of these change.
    """

    __slots__ = (
        "has_ended",
        "held",
        "incoming",
        "is_said",
        "messages",
        "number",
        "on_change",
        "status",
        "unread",
        "unsent",
    )

    def __init__(self, number: int, on_change: Callable[[], object]) -> None:
        self.number = number
        self.messages: deque[bytes] = deque()
        self.status: Status | None = None
        self.unsent = bytearray()
        self.is_said = False
        self.has_ended = False
        self.on_change = on_change
        self.incoming = bytearray()
        self.held = 0
        self.unread = 0

    def end(self, status: Status) -> None:
        if self.status is None:
            self.status = status
        self.on_change()


class Conversation:
    """One connection.

    Args:
        authority: the server, as it is called.

    Attributes:
        is_ready: whether the server has shown that it speaks HTTP/2.
        is_leaving: whether the server takes no more calls.
        is_blocked: whether nothing is to be said, since what was said has not gone yet.
    """

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        settings = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: HELD_BYTES_MAX,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADERS_BYTES_MAX,
        }
        self._h2.local_settings = Settings(client=True, initial_values=settings)
        self._h2.decoder.max_header_list_size = HEADERS_BYTES_MAX
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW - self._h2.inbound_flow_control_window)
        self._courses: dict[int, Course] = {}
        self._partial = bytearray()
        self.is_ready = False
        self.is_leaving = False
        self.is_blocked = False

    @property
    def has_room(self) -> bool:
        """Says whether the server takes another call beside those that it has."""
        return len(self._courses) < self._h2.remote_settings.max_concurrent_streams

    @property
    def is_idle(self) -> bool:
        """Says whether no call is under way."""
        return not self._courses

    def take(self) -> bytes:
        """Returns what is to be written."""
        return self._h2.data_to_send()

    # -- what is asked ----------------------------------------------------------------------------------------------

    def open(self, headers: Iterable[tuple[str, str]], path: str, on_change: Callable[[], object]) -> Course:
        """Begins a call; `headers` are its own.

        Raises:
            H2Error: the connection takes none.
        """
        number = self._h2.get_next_available_stream_id()
        fixed = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", self._authority))
        self._h2.send_headers(number, [*fixed, ("te", "trailers"), *headers])
        course = self._courses[number] = Course(number, on_change)
        return course

    def say(self, course: Course, message: bytes, *, last: bool = False) -> None:
        """Says one message of a call; `last` says that no more come."""
        course.unsent += b"\x00" + len(message).to_bytes(4, "big") + message
        course.is_said = last
        self._flush(course)

    def end(self, course: Course) -> None:
        """Says that no more messages of a call come."""
        if not course.is_said:
            course.is_said = True
            self._flush(course)

    def leave(self, course: Course) -> None:
        """Gives up a call that has not ended."""
        if self._courses.pop(course.number, None) is not None:
            self._reset(course, ErrorCodes.CANCEL)
        course.held = 0
        self._acknowledge(course)

    def consumed(self, course: Course, message: bytes) -> None:
        """Takes note that a message was taken, so that the server may say more."""
        course.held -= len(message)
        self._acknowledge(course)

    def flush(self) -> None:
        """Says what could not be said before."""
        for course in list(self._courses.values()):
            self._flush(course)

    def _flush(self, course: Course) -> None:
        if course.has_ended or course.status is not None or course.number not in self._courses:
            return
        while not self.is_blocked and (course.unsent or course.is_said):
            room = min(self._h2.local_flow_control_window(course.number), self._h2.max_outbound_frame_size)
            if course.unsent and room <= 0:
                return
            part = bytes(course.unsent[:room])
            del course.unsent[: len(part)]
            course.has_ended = course.is_said and not course.unsent
            self._h2.send_data(course.number, part, end_stream=course.has_ended)
            if not course.unsent:
                course.on_change()
                return

    def _reset(self, course: Course, code: ErrorCodes) -> None:
        try:
            self._h2.reset_stream(course.number, code)
        except H2Error:
            pass  # it is over on the wire already
        course.on_change()

    # -- what is answered -------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Takes what came.

        Raises:
            H2Error: it is no HTTP/2.
        """
        self._partial += data
        start = end = 0
        view = bytes(self._partial)
        while len(view) - end >= HEAD_BYTES:
            length = int.from_bytes(view[end : end + 3], "big")
            if length > FRAME_BYTES_MAX:
                raise H2Error(f"a frame has at most {FRAME_BYTES_MAX} bytes, got {length}")
            after = end + HEAD_BYTES + length
            if after > len(view):
                break
            if view[end + 3] == GOAWAY:
                self._hear(view[start:end])
                self._goes(view[end + HEAD_BYTES : after])
                start = after
            end = after
        self._hear(view[start:end])
        del self._partial[:end]

    def lost(self, why: str) -> None:
        """Takes note that nothing more comes."""
        courses, self._courses = list(self._courses.values()), {}
        for course in courses:
            course.end(Status(UNAVAILABLE, f"outcome unknown: {why}"))

    def _goes(self, body: bytes) -> None:
        self.is_leaving = True
        last = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
        for number in [number for number in self._courses if number > last]:
            self._over(number, Status(UNAVAILABLE, "the server is stopping, and did not do it", is_unasked=True))

    def _hear(self, frames: bytes) -> None:
        for event in self._h2.receive_data(frames) if frames else ():
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self.is_ready = True
            self.flush()
        elif isinstance(event, WindowUpdated):
            course = self._courses.get(event.stream_id)
            if not event.stream_id:
                self.flush()
            elif course is not None:
                self._flush(course)
        elif isinstance(event, DataReceived):
            self._data(event)
        elif isinstance(event, ResponseReceived | TrailersReceived):
            headers = {str(name): str(text) for name, text in event.headers or ()}
            self._headers(event.stream_id or 0, headers, is_first=isinstance(event, ResponseReceived))
        elif isinstance(event, StreamEnded):
            self._over(event.stream_id, Status(INTERNAL, "the server ended the call without saying how"))
        elif isinstance(event, StreamReset):
            code = _OF_RESET.get(ErrorCodes(event.error_code), INTERNAL) if event.error_code in _CODES else INTERNAL
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            self._over(event.stream_id, Status(code, "the server broke the call off", is_unasked=refused))

    def _headers(self, number: int, headers: dict[str, str], *, is_first: bool) -> None:
        course = self._courses.get(number)
        if course is None:
            return
        status = headers.get(":status", "200")
        if status != "200":
            code = _OF_HTTP.get(int(status), UNKNOWN) if status.isdecimal() else UNKNOWN
            self._break(course, Status(code, f"the server answers as HTTP does, with {status[:3]}"))
        elif is_first and not headers.get("content-type", "").startswith("application/grpc"):
            self._break(course, Status(UNKNOWN, "the server does not answer as gRPC does"))
        elif "grpc-status" in headers:
            text = headers["grpc-status"]
            code = int(text) if text.isdecimal() and len(text) < 3 else UNKNOWN
            course.status = Status(code, unquote(headers.get("grpc-message", "")), _binary(headers.get(DETAILS_KEY)))

    def _data(self, event: DataReceived) -> None:
        size = event.flow_controlled_length or 0
        course = self._courses.get(event.stream_id or 0)
        if course is None:
            self._h2.acknowledge_received_data(size, event.stream_id)
            return
        course.unread += size
        course.incoming += event.data or b""
        while len(course.incoming) >= PREFIX_BYTES:
            length = int.from_bytes(course.incoming[1:PREFIX_BYTES], "big")
            if course.incoming[0] or length > MESSAGE_BYTES_MAX:
                why = f"a message is compressed, or has more than {MESSAGE_BYTES_MAX} bytes"
                self._acknowledge(course)
                self._break(course, Status(EXHAUSTED, why))
                return
            if len(course.incoming) < PREFIX_BYTES + length:
                break
            message = bytes(course.incoming[PREFIX_BYTES : PREFIX_BYTES + length])
            del course.incoming[: PREFIX_BYTES + length]
            course.messages.append(message)
            course.held += length
            course.on_change()
        self._acknowledge(course)

    def _acknowledge(self, course: Course) -> None:
        """Lets the server say more, unless its reader has enough to read."""
        if course.unread and course.held < HELD_BYTES_MAX:
            size, course.unread = course.unread, 0
            try:
                self._h2.acknowledge_received_data(size, course.number)
            except H2Error:
                pass  # the connection is over

    def _break(self, course: Course, status: Status) -> None:
        course.end(status)
        self.leave(course)

    def _over(self, number: int | None, status: Status) -> None:
        course = self._courses.pop(number or 0, None)
        if course is None:
            return
        if not course.has_ended:
            self._reset(course, ErrorCodes.NO_ERROR)
        course.end(status)


_CODES: Final = frozenset(ErrorCodes)


def _binary(text: str | None) -> bytes:
    """Returns what a header in base64 holds, b"" where it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)) if text else b""
    except (ValueError, binascii.Error):
        return b""
