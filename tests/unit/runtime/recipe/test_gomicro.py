"""A program that serves by go-micro is known by what its `go.mod` requires and its source runs."""

from __future__ import annotations

import pytest

from micro.runtime.manifest import Serves
from micro.runtime.recipe.plan import Files
from tests.unit.runtime.test_detect import look

MAIN = 'package main\nimport micro "{}"\nfunc main() {{ s := micro.NewService(); s.Init(); s.Run() }}\n'
V2, V3, V4 = "github.com/micro/go-micro/v2", "github.com/asim/go-micro/v3", "go-micro.dev/v4"


def tree(module: str, more: str = "", main: str = MAIN) -> dict[str, str]:
    return {"go.mod": f"module a\n\nrequire {module} v1.2.3\n", "main.go": main.format(module) + more}


@pytest.mark.parametrize(
    ("files", "serves"),
    [
        (tree("github.com/micro/go-micro"), "go-micro"),
        (tree(V2), "go-micro-grpc"),
        (tree(V2, f'import "{V2}/client/mucp"'), "go-micro"),
        (tree(V3), "go-micro"),
        (tree(V4), "go-micro"),
        (tree(V4, f'import "{V4}/client/grpc"'), "go-micro-grpc"),
        (tree("go-micro.dev/v5"), "go-micro"),
        (tree("go-micro.dev/v6", "http.ListenAndServe("), "go-micro"),
        ({**tree(V4), "go.mod": f"module a\nrequire (\n\tgo-micro.dev/v4 v4.11.0\n\tx.org/{V4} v1.0.0\n)"}, "go-micro"),
        ({**tree(V4), "Procfile": "web: bin/a"}, "go-micro"),
        ({**tree(V4), "micro.toml": "[service]\nserves = 'http'"}, "http"),
    ],
)
def test_which_go_micro_it_is(files: dict[str, str], serves: Serves) -> None:
    """Each generation, and whether its client speaks gRPC."""
    assert look(files).serves == serves


@pytest.mark.parametrize(
    "files",
    [
        tree("go-micro.dev/v4/web", main='package main\nimport "{}"\n.Run()'),
        tree(V4, main='package main\nimport micro "{}"\nmicro.NewService().Client().Call()'),
        tree(V4, main="package main\nfunc main() {{ cmd.Run() }}"),
        {**tree(V4), "go.mod": "module go-micro.dev/v4\n"},
        {**tree(V4), "main.go": "package main", "main_test.go": MAIN.format(V4)},
    ],
)
def test_what_only_uses_it_is_a_program(files: dict[str, str]) -> None:
    """A client, a program of pages, a test, and go-micro itself are no services by it."""
    assert look(files).serves == "program"


def test_what_can_be_asked_is_read_from_the_text() -> None:
    """Calls and streams of a handler, without what no caller reaches."""
    handlers = """
func (g *Greeter) Hello(ctx context.Context, req *Request, rsp *Response) error {
func (Greeter) Count(context.Context, *Request, Greeter_CountStream) error {
func (g *Greeter) hidden(ctx context.Context, req *Request, rsp *Response) error {
func (g *Greeter) Reset() error {
func free(ctx context.Context, req *Request) error {
"""
    found = look(tree(V4, handlers))

    assert found.endpoints == ("Greeter.Hello", "Greeter.Count")
    assert "it requires go-micro.dev/v4, and runs a service of it" in found.reason


def test_topics_are_read_from_the_text() -> None:
    """Those in quotes, and those that have a name; what is made while it runs is not known."""
    text = """
const created = "orders.created"
var Shipped string = "orders.shipped"
func main() {
	publisher := micro.NewEvent("orders", service.Client())
	client.Publish(ctx, client.NewMessage(created, order))
	broker.Publish(Shipped, &broker.Message{})
	old := micro.NewPublisher("bad topic", service.Client())
	broker.Publish(made(), nil)
}
"""
    assert look(tree(V4, text)).topics == ("orders", "orders.created", "orders.shipped")
    assert look({"go.mod": "module a", "main.go": "package main" + text}).topics == ()


def test_a_go_mod_of_any_bytes_is_read() -> None:
    """What a stranger wrote is no trouble."""
    from micro.runtime.recipe.gomicro import go_micro

    text = b"require go-micro.dev/v4 v4.0.0\n\xff\x00"
    files = Files(["go.mod", "a.go"], lambda path: text)

    assert go_micro(files) is None
