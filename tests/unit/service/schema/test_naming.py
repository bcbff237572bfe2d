"""Names of services and endpoints."""

from __future__ import annotations

import functools

import pytest

from micro.service.schema.naming import check_endpoint_name, check_service_name, endpoint_name


class Say:
    def hello(self) -> None: ...


def say_hi() -> None: ...


def _private() -> None: ...


@pytest.mark.parametrize("name", ["greeter", "word-count", "a1-2b"])
def test_good_service_names_pass(name: str) -> None:
    """Lower-case words, joined by dashes."""
    assert check_service_name(name) == name


@pytest.mark.parametrize("name", ["", "Greeter", "1st", "a--b", "-a", "a-", "a_b", "a.b", "a" * 64, "grüß", "a\n"])
def test_bad_service_names_are_refused(name: str) -> None:
    """Whatever is no DNS label of lower-case words."""
    with pytest.raises(ValueError):
        check_service_name(name)


def test_a_better_service_name_is_suggested() -> None:
    """The message holds one that would do."""
    with pytest.raises(ValueError, match="try 'word-count'"):
        check_service_name("Word_Count")
    with pytest.raises(ValueError, match="try 'grosse-cafe'"):
        check_service_name("Größe Café")


@pytest.mark.parametrize("name", ["api", "backbone", "metrics", "registry", "store"])
def test_reserved_service_names_are_refused(name: str) -> None:
    """The node's addresses and services are not for others."""
    with pytest.raises(ValueError, match=f"choose another, such as 'my-{name}'"):
        check_service_name(name)


def test_the_node_may_use_its_own_names() -> None:
    """Its services are declared like any other."""
    assert check_service_name("registry", platform=True) == "registry"


def test_the_node_uses_no_name_that_is_not_kept_for_it() -> None:
    """Else a stranger could offer a service that others take for the node's."""
    with pytest.raises(ValueError, match="anybody could offer it"):
        check_service_name("greeter", platform=True)


def test_even_the_node_cannot_use_its_addresses() -> None:
    """A service `api` would hide the gateway."""
    with pytest.raises(ValueError, match="address of every node"):
        check_service_name("api", platform=True)


@pytest.mark.parametrize(
    "name", ["", "Say", "Say.Hello.Again", "say.hello", "Say.", ".Hello", "Say.Hel lo", "S." + "H" * 127]
)
def test_bad_endpoint_names_are_refused(name: str) -> None:
    """Exactly one dot between two capitalised words."""
    with pytest.raises(ValueError):
        check_endpoint_name(name)


def test_a_better_endpoint_name_is_suggested() -> None:
    """Capitals are all that is wrong with most."""
    with pytest.raises(ValueError, match=r"try 'Say.HelloWorld'"):
        check_endpoint_name("say.hello_world")


def test_a_function_is_named_after_its_service() -> None:
    """`say_hi` of `word-count` is `WordCount.SayHi`."""
    assert endpoint_name("word-count", say_hi) == "WordCount.SayHi"


def test_a_method_is_named_after_its_class() -> None:
    """The class is the struct."""
    assert endpoint_name("greeter", Say().hello) == "Say.Hello"


def test_a_struct_may_be_given() -> None:
    """A function taken from a class does not know its class."""
    assert endpoint_name("greeter", Say.hello, struct="Say") == "Say.Hello"


def test_a_partial_bears_the_name_of_its_function() -> None:
    """What is inside counts."""
    assert endpoint_name("greeter", functools.partial(say_hi)) == "Greeter.SayHi"


@pytest.mark.parametrize("function", [_private, lambda: None])
def test_what_has_no_name_needs_one(function: object) -> None:
    """Private functions and lambdas are endpoints only under a name that is given to them."""
    assert callable(function)
    with pytest.raises(ValueError, match=r"@service.endpoint"):
        endpoint_name("greeter", function)
