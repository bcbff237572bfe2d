"""Signatures, read from annotations."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from micro.service.schema.form import Form
from micro.service.schema.signature import REQUIRED, signature_of
from tests.unit.service.schema.samples import Address, Context, Model, Options, Stream, chat, count_up, read, say_hi

if TYPE_CHECKING:
    from decimal import Decimal as Hidden


class Say:
    async def hello(self, name: str) -> str:
        return name


class Callee:
    """Greets."""

    def __call__(self, name: str) -> str:
        return name


def whole(address: Address) -> Address:
    return address


def raw(data: bytes) -> bytes:
    return data


def nothing() -> None: ...


def context_first(context: Context, name: str) -> str:
    return name


def lines(stream: Stream[str]) -> int:
    return 0


def many(address: Address, loud: bool) -> None: ...


def perhaps(address: Address | None) -> None: ...


def typed(options: Options) -> None: ...


def modelled(model: Model) -> None: ...


def steps() -> Iterator[int]:
    yield 1


def listed() -> Iterable[int]:
    return [1]


def returns_agen() -> AsyncIterator[int]:
    return count_up(1, Context())


def unannotated_result(name: str):  # type: ignore[no-untyped-def]
    return name


def test_parameters_become_fields() -> None:
    """Names in their order."""
    assert [parameter.name for parameter in read(say_hi).parameters] == ["name", "times"]


def test_defaults_are_kept() -> None:
    """A call may leave out what has one."""
    assert [parameter.default for parameter in read(say_hi).parameters] == ["world", 1]


def test_a_parameter_without_default_is_required() -> None:
    """The mark is not None, which is a default as well."""
    assert read(many).parameters[0].default is REQUIRED


def test_docstrings_and_remarks_describe_parameters() -> None:
    """The docstring's `Args:`, else a text in `Annotated`."""
    assert [parameter.description for parameter in read(say_hi).parameters] == ["who is greeted.", "how often"]


@pytest.mark.parametrize(
    ("function", "request_"),
    [
        (say_hi, "fields"),
        (whole, "body"),
        (typed, "body"),
        (modelled, "body"),
        (raw, "raw"),
        (nothing, "empty"),
        (many, "fields"),
        (perhaps, "fields"),
        (lines, "empty"),
    ],
)
def test_the_shape_of_the_request(function: Callable[..., Any], request_: str) -> None:
    """One struct is the body, one `bytes` is its bytes, everything else are fields."""
    assert read(function).request == request_


@pytest.mark.parametrize(
    ("function", "response"),
    [(say_hi, "wrapped"), (whole, "object"), (raw, "raw"), (nothing, "empty"), (unannotated_result, "wrapped")],
)
def test_the_shape_of_the_answer(function: Callable[..., Any], response: str) -> None:
    """Objects stand alone, everything else under `result`."""
    assert read(function).response == response


@pytest.mark.parametrize(
    ("function", "form", "kind"),
    [
        (say_hi, Form.COROUTINE, "call"),
        (whole, Form.FUNCTION, "call"),
        (count_up, Form.ASYNC_GENERATOR, "stream"),
        (steps, Form.GENERATOR, "stream"),
        (listed, Form.GENERATOR, "stream"),
        (returns_agen, Form.ASYNC_GENERATOR, "stream"),
        (lines, Form.FUNCTION, "stream"),
    ],
)
def test_form_and_kind(function: Callable[..., Any], form: Form, kind: str) -> None:
    """What yields or takes a stream is a stream."""
    assert (read(function).form, read(function).kind) == (form, kind)


def test_the_item_of_an_answering_stream_is_its_result() -> None:
    """What an iterator is of."""
    assert read(count_up).result is int


def test_the_context_is_no_field() -> None:
    """It is passed by name."""
    assert (read(count_up).special, len(read(count_up).parameters)) == ((("context", "context"),), 1)


def test_what_stands_behind_the_context_is_given_by_name() -> None:
    """Or it would land in the context's place."""
    assert read(context_first).parameters[0].by_keyword


def test_the_incoming_stream_is_no_field() -> None:
    """Its item's type is known."""
    assert (read(chat).stream, read(chat).stream_item) == ("lines", Address)


def test_a_bound_method_has_no_self() -> None:
    """Only what a caller gives."""
    assert [parameter.name for parameter in read(Say().hello).parameters] == ["name"]


def test_a_callable_object_is_a_function() -> None:
    """Its `__call__` counts."""
    assert [parameter.name for parameter in read(Callee()).parameters] == ["name"]


def test_what_a_partial_has_bound_is_no_field() -> None:
    """The author has decided it."""
    assert [parameter.name for parameter in read(functools.partial(say_hi, name="Ann")).parameters] == ["times"]


def test_a_local_type_that_the_function_uses_is_found() -> None:
    """It stands in the function's closure."""

    class Local(Model):
        pass

    def local(value: Local) -> Local:
        return Local(age=value.age)

    assert read(local).request == "body"


def test_further_names_can_be_given() -> None:
    """For types that are imported for the type checker only."""
    from decimal import Decimal

    def hidden(value: Hidden) -> None: ...

    assert signature_of(hidden, names={"Hidden": Decimal}).parameters[0].annotation is Decimal


def stars(*names: str) -> None: ...


def bare(name) -> None: ...  # type: ignore[no-untyped-def]


def foreign(value: complex) -> None: ...


def deep(value: dict[str, list[complex]]) -> None: ...


def result_of_foreign() -> complex:
    return 1j


def hidden_type(value: Hidden) -> None: ...


def two_texts(value: str | bytes) -> None: ...


async def awaited() -> AsyncIterator[int]:
    return count_up(1, Context())


async def yields_int() -> int:  # type: ignore[misc]
    yield 1


def two_streams(one: Stream[int], two: Stream[int]) -> None: ...


def positional_context(context: Context, /) -> None: ...


def tuple_keys(value: dict[tuple[int, int], int]) -> None: ...


def stream_of_foreign(stream: Stream[complex]) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stars, r"stars\(names\).*write each parameter out"),
        (bare, r"bare\(name\) has no type; annotate it, for instance name: str"),
        (foreign, r"foreign\(value\): the type complex cannot travel; use str"),
        (deep, r"deep\(value\)\[\]\[\]: the type complex"),
        (result_of_foreign, r"the result of result_of_foreign: the type complex"),
        (hidden_type, r"hidden_type: the type 'Hidden' is not known.*TYPE_CHECKING"),
        (two_texts, r"two_texts\(value\): the type str \| bytes cannot travel"),
        (awaited, r"awaited is awaited and returns an iterator.*`async def` with `yield`"),
        (yields_int, r"yields_int yields.*AsyncIterator\[int\]"),
        (two_streams, r"two_streams\(two\): one takes the incoming stream already"),
        (positional_context, r"positional_context\(context\) is given by name"),
        (tuple_keys, r"tuple_keys\(value\): a dict's keys must be"),
        (stream_of_foreign, r"stream_of_foreign\(stream\): the type complex"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(function: Callable[..., Any], words: str) -> None:
    """At declaration, naming the function, the parameter, the type and what to do."""
    with pytest.raises(TypeError, match=words):
        read(function)


def test_annotated_types_keep_their_remarks() -> None:
    """Constraints reach the schema."""

    def limited(value: Annotated[int, "few"]) -> None: ...

    assert read(limited).parameters[0].annotation == Annotated[int, "few"]
