"""What an OpenAPI description says can be asked."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.doors.adapter.openapi import Operation, read_openapi


def read(paths: dict[str, Any], **more: Any) -> dict[str, Operation]:
    return {one.name: one for one in read_openapi({"openapi": "3.1.0", "paths": paths, **more}, "Shop")}


def test_parameters_and_body_become_fields() -> None:
    """Those of the path and of the query, and the members of the body; required ones come first."""
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
    }
    thing = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "new": {}}}
    operation = {
        "operationId": "changeThing",
        "parameters": [
            {"in": "query", "name": "dry-run", "schema": {"type": "boolean"}, "description": "only try"},
            {"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}},
        ],
        "requestBody": body,
    }
    found = read({"/things/{id}": {"put": operation}}, components={"schemas": {"Thing": thing}})["Shop.ChangeThing"]

    assert (found.method, found.path) == ("PUT", "/things/{id}")
    assert [(one.name, one.place, one.key, one.annotation, one.required) for one in found.fields] == [
        ("id", "path", "id", int, True),
        ("name", "body", "name", str, True),
        ("dry_run", "query", "dry-run", bool, False),
        ("new", "body", "new", Any, False),
    ]
    assert found.fields[2].description == "only try"


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": "string", "enum": ["a", "b"]}, Literal["a", "b"]),
        ({"type": "array", "items": {"type": "number"}}, list[float]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, int | None),
        ({"type": "object"}, dict[str, Any]),
        ({"type": ["string", "null"]}, Any),
        ({"$ref": "#/components/schemas/Loop"}, Any),
        ({}, Any),
    ],
)
def test_schemas_become_types(schema: dict[str, Any], annotation: Any) -> None:
    """As exactly as helps who fills in a form; a reference that leads nowhere is any value."""
    parameter = {"in": "query", "name": "x", "schema": schema}
    loop = {"schemas": {"Loop": {"$ref": "#/components/schemas/Loop"}}}
    found = read({"/": {"get": {"operationId": "ask", "parameters": [parameter]}}}, components=loop)

    assert found["Shop.Ask"].fields[0].annotation == annotation


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"operationId": "listPets", "tags": ["pet store"]}, "PetStore.ListPets"),
        ({"operationId": "read_item_items__id__get", "summary": "Read Item"}, "Shop.ReadItem"),
        ({"operationId": "read_get"}, "Shop.ReadGet"),
        ({}, "Shop.GetItemsId"),
        ({"operationId": "123"}, "Shop.GetItemsId"),
    ],
)
def test_operations_are_called_by_their_authors_words(said: dict[str, Any], name: str) -> None:
    """By the id or the summary, and where there is neither by method and path."""
    parameter = {"in": "path", "name": "id"}

    assert list(read({"/items/{id}": {"get": {**said, "parameters": [parameter]}}})) == [name]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"basePath": "/v2"}, "/v2/a"),
        ({"servers": [{"url": "/api/"}]}, "/api/a"),
        ({"servers": [{"url": "https://x.example/v1"}]}, "/v1/a"),
        ({"servers": [{"url": "https://x.example"}]}, "/a"),
        ({"servers": [{"url": "/{version}"}]}, "/a"),
        ({"servers": "no"}, "/a"),
    ],
)
def test_paths_begin_where_the_description_says(more: dict[str, Any], path: str) -> None:
    """Of a server's address only the path counts: the program that serves the description is asked."""
    assert read({"/a": {"get": {"operationId": "a"}}}, **more)["Shop.A"].path == path


def test_two_of_one_name_are_told_apart() -> None:
    """The second is called by its path."""
    found = read({"/a": {"get": {"operationId": "ask"}}, "/b": {"get": {"operationId": "ask"}}})

    assert list(found) == ["Shop.Ask", "Shop.GetB"]


def test_what_cannot_be_given_is_left_out() -> None:
    """An operation that needs a header or an upload is no endpoint; a form is one."""
    header = {"in": "header", "name": "X-Key", "required": True}
    upload = {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}
    form = {"content": {"application/x-www-form-urlencoded": {"schema": {"properties": {"a": {"type": "string"}}}}}}
    found = read(
        {
            "/a": {"get": {"operationId": "a", "parameters": [header]}},
            "/b": {"post": {"operationId": "b", "requestBody": upload}},
            "/c": {"post": {"operationId": "c", "requestBody": form}},
        }
    )

    assert list(found) == ["Shop.C"]
    assert found["Shop.C"].form


KEYS = st.sampled_from(
    [
        "get",
        "post",
        "parameters",
        "requestBody",
        "content",
        "application/json",
        "schema",
        "properties",
        "$ref",
        "in",
        "name",
        "required",
        "type",
        "items",
        "anyOf",
        "enum",
        "responses",
        "200",
        "tags",
        "/a",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            KEYS,
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(VALUES)
def test_any_document_is_read_or_passed_over(value: Any) -> None:
    """A program may serve whatever it likes as its description."""
    read_openapi(value, "Shop")
    found = read_openapi({"paths": {"/x": value, "/{y}": value}}, "Shop")
    assert all(one.name.count(".") == 1 for one in found)


def test_an_operation_says_that_it_changes_nothing() -> None:
    """By a word of its own, for HTTP says so of GET alone; what is no yes or no says nothing."""
    said = [True, False, "yes", None]
    found = read({f"/{n}": {"post": {"operationId": f"do{n}", "x-micro-readonly": one}} for n, one in enumerate(said)})

    assert [found[f"Shop.Do{n}"].readonly for n in range(len(said))] == [True, False, None, None]
