"""What a function takes and gives, read from its annotations and its docstring.

Pure.

One parameter of a struct type is the body itself, otherwise the parameters are the body's fields; a single `bytes`
parameter is the body as it is. An object result is the answer itself, any other travels as `{"result": …}`.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from micro.service.schema.docstring import Documentation, read_docstring
from micro.service.schema.form import Form, form_of, suspends
from micro.service.schema.naming import function_name
from micro.service.schema.shape import is_object, is_struct, shape_of

__all__ = ["REQUIRED", "Parameter", "Signature", "signature_of"]

REQUIRED: Any = inspect.Parameter.empty
"""Stands for the default of a parameter that has none."""

PARAMETERS_MAX = 128

_ITERATORS = (
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
)
_ASYNC_ITERATORS = _ITERATORS[:3]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a request.

    Attributes:
        name: the parameter's and the field's name.
        annotation: its type, with `Annotated` kept.
        default: what a call without the field gets, or `REQUIRED`.
        description: what the docstring says of it.
        by_keyword: whether it must be given by name: it is so declared, or stands behind one that is supplied by name.
    """

    name: str
    annotation: Any
    default: Any
    description: str
    by_keyword: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives.

    Attributes:
        name: what the function calls itself, for messages.
        function: what is to be called.
        kind: a call has one answer; a stream has many messages, either way or both.
        form: whether calling gives the result, an awaitable or an iterator.
        suspends: False if the coroutine is certain never to wait, so that it can run without a task.
        request: `empty`; `fields`: each parameter is a field; `body`: the one parameter is the body; `raw`: the one
            parameter is the body's bytes.
        parameters: the fields, or the one parameter.
        special: the name and the kind of each parameter that the caller of the function supplies, such as the context.
        stream: the name of the parameter that takes the incoming stream, "" where there is none.
        stream_item: the type of an incoming item, None where there is no incoming stream.
        response: `empty`; `object`: the result is the body; `wrapped`: it travels as `{"result": …}`; `raw`: bytes.
        result: the type of the result, or of one item where there are many.
        yields: whether the answer is a stream of results.
        documentation: the docstring, taken apart.
    """

    name: str
    function: Callable[..., Any]
    kind: Literal["call", "stream"]
    form: Form
    suspends: bool
    request: Literal["empty", "fields", "body", "raw"]
    parameters: tuple[Parameter, ...]
    special: tuple[tuple[str, str], ...]
    stream: str
    stream_item: Any
    response: Literal["empty", "object", "wrapped", "raw"]
    result: Any
    yields: bool
    documentation: Documentation


def signature_of(
    function: Callable[..., Any],
    *,
    special: Mapping[type, str] | None = None,
    stream: type | None = None,
    names: Mapping[str, Any] | None = None,
) -> Signature:
    """Reads what `function` takes and gives.

    Args:
        function: a function, bound method, partial or callable object; what a partial binds by name is no field.
        special: the classes of parameters that the caller of the function supplies, and the kind of each.
        stream: the generic class whose parameter `Stream[T]` takes the incoming stream.
        names: further names that annotations written as text may use.

    Raises:
        TypeError: it cannot be an endpoint; the message names the function, the parameter, its type and a remedy.
    """
    reader = _Reader(function, special or {}, stream, names or {})
    for parameter in reader.offered():
        reader.take(parameter)
    return reader.signature()


class _Reader:
    """Collects one signature."""

    def __init__(
        self, function: Callable[..., Any], special: Mapping[type, str], stream: type | None, names: Mapping[str, Any]
    ) -> None:
        self.function = function
        self.name = function_name(function)
        self.documentation = _documentation(function)
        self.stream_class = stream
        self.special_classes = special
        self.parameters: list[Parameter] = []
        self.special: list[tuple[str, str]] = []
        self.stream = ""
        self.stream_item: Any = None
        self._hints = _hints(function, self.name, names)

    def offered(self) -> list[inspect.Parameter]:
        """Returns the parameters a caller may fill: all but those a partial has bound already."""
        try:
            known = inspect.signature(self.function).parameters
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self.name} cannot be an endpoint: Python does not tell its parameters") from error
        if len(known) > PARAMETERS_MAX:
            raise TypeError(f"{self.name} has {len(known)} parameters; an endpoint has at most {PARAMETERS_MAX}")
        bound: set[str] = set()
        function = self.function
        while isinstance(function, functools.partial):
            bound.update(function.keywords)
            function = function.func
        return [parameter for parameter in known.values() if parameter.name not in bound]

    def take(self, parameter: inspect.Parameter) -> None:
        where = f"{self.name}({parameter.name})"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{where}: *args and **kwargs have no names a caller could know; write each parameter out")
        annotation = self._hints.get(parameter.name, REQUIRED)
        if annotation is REQUIRED:
            raise TypeError(f"{where} has no type; annotate it, for instance {parameter.name}: str")
        if self._is_special(parameter, annotation):
            return
        shape_of(annotation, where)
        by_keyword = parameter.kind is parameter.KEYWORD_ONLY or bool(self.special or self.stream)
        text = self.documentation.fields.get(parameter.name, "") or _remark(annotation)
        self.parameters.append(Parameter(parameter.name, annotation, parameter.default, text, by_keyword))

    def _is_special(self, parameter: inspect.Parameter, annotation: Any) -> bool:
        """Files a parameter that is no field: the context and its like, or the incoming stream."""
        plain = _without_none(annotation)
        for kind, name in self.special_classes.items():
            if plain is kind or (isinstance(plain, type) and issubclass(plain, kind)):
                self._refuse_positional(parameter)
                self.special.append((parameter.name, name))
                return True
        origin = typing.get_origin(plain) or plain
        if self.stream_class is None or origin is not self.stream_class:
            return False
        where = f"{self.name}({parameter.name})"
        self._refuse_positional(parameter)
        if self.stream:
            raise TypeError(f"{where}: {self.stream} takes the incoming stream already, and there is only one")
        item = (typing.get_args(plain) or (Any,))[0]
        shape_of(item, where)
        self.stream, self.stream_item = parameter.name, item
        return True

    def _refuse_positional(self, parameter: inspect.Parameter) -> None:
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{self.name}({parameter.name}) is given by name; put it behind the '/'")

    def signature(self) -> Signature:
        form, result, yields = self._result()
        return Signature(
            name=self.name,
            function=self.function,
            kind="stream" if yields or self.stream else "call",
            form=form,
            suspends=suspends(self.function) if form is Form.COROUTINE else True,
            request=self._request(),
            parameters=tuple(self.parameters),
            special=tuple(self.special),
            stream=self.stream,
            stream_item=self.stream_item,
            response=_response(result, f"the result of {self.name}"),
            result=result,
            yields=yields,
            documentation=self.documentation,
        )

    def _request(self) -> Literal["empty", "fields", "body", "raw"]:
        if not self.parameters:
            return "empty"
        if len(self.parameters) > 1:
            return "fields"
        annotation = self.parameters[0].annotation
        if _bare(annotation) is bytes:
            return "raw"
        return "body" if is_struct(shape_of(annotation, self.name)) else "fields"

    def _result(self) -> tuple[Form, Any, bool]:
        """Returns the form, the type of one result, and whether there are many."""
        form = form_of(self.function)
        annotation = self._hints.get("return", Any)
        origin = typing.get_origin(annotation) or annotation
        many = form in (Form.GENERATOR, Form.ASYNC_GENERATOR)
        if origin not in _ITERATORS:
            if many and annotation is not Any:
                raise TypeError(
                    f"{self.name} yields, so its result is a stream: annotate -> AsyncIterator[{_spelled(annotation)}]"
                )
            return form, annotation, many
        if form is Form.COROUTINE:
            raise TypeError(f"{self.name} is awaited and returns an iterator; make it one: `async def` with `yield`")
        if not many:
            form = Form.ASYNC_GENERATOR if origin in _ASYNC_ITERATORS else Form.GENERATOR
        return form, (typing.get_args(annotation) or (Any,))[0], True


def _response(result: Any, where: str) -> Literal["empty", "object", "wrapped", "raw"]:
    if result is None or result is type(None):
        return "empty"
    if _bare(result) is bytes:
        return "raw"
    return "object" if is_object(shape_of(result, where)) else "wrapped"


def _hints(function: Callable[..., Any], name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the annotations as types; those written as text are read where the function was written."""
    target: Any = function
    while isinstance(target, functools.partial):
        target = target.func
    if not (inspect.isroutine(target) or inspect.isclass(target)):
        target = type(target).__call__
    code = inspect.unwrap(target)
    closure = inspect.getclosurevars(code).nonlocals if inspect.isfunction(code) else {}
    try:
        return typing.get_type_hints(target, localns={**names, **_globals(code), **closure}, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{name}: the type {error.name!r} is not known where the function is called from; import or define it at"
            f" the top of its module, outside `if TYPE_CHECKING:` and outside functions"
        ) from error
    except Exception as error:
        raise TypeError(f"{name}: its annotations cannot be read: {error}") from error


def _globals(function: Any) -> Mapping[str, Any]:
    found = getattr(getattr(function, "__func__", function), "__globals__", {})
    return found if isinstance(found, dict) else {}


def _documentation(function: Callable[..., Any]) -> Documentation:
    while isinstance(function, functools.partial):
        function = function.func
    own = inspect.isroutine(function) or inspect.isclass(function)
    return read_docstring((function if own else type(function).__call__).__doc__)


def _without_none(annotation: Any) -> Any:
    """Returns `T` of `T | None`, and any other type as it is, without `Annotated`."""
    annotation = _bare(annotation)
    members = [member for member in typing.get_args(annotation) if member is not type(None)]
    is_optional = type(None) in typing.get_args(annotation) and len(members) == 1
    return _bare(members[0]) if is_optional else annotation


def _bare(annotation: Any) -> Any:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _remark(annotation: Any) -> str:
    """Returns the text of `Annotated[T, "text"]`."""
    extras = typing.get_args(annotation)[1:] if typing.get_origin(annotation) is typing.Annotated else ()
    return next((extra for extra in extras if isinstance(extra, str)), "")


def _spelled(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
