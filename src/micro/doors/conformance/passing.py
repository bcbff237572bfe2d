"""What an implementation passes on between two links: calls, faults, deadlines; who asks; what there is."""

from __future__ import annotations

from typing import Final

from micro.doors.conformance.bench import Bench
from micro.doors.conformance.check import Check, expect
from micro.doors.conformance.peer import JSON, called, fault_of
from micro.doors.conformance.wire import Form, Kind, headers

__all__ = ["PASSING"]

ANSWER: Final = b'{"result":"seen"}'
LARGE_BYTES: Final = 1_000_000
WAIT_MILLISECONDS: Final = 20_000
CLAIMED: Final = "conformance-claims-this"


async def passes_calls(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.call(milliseconds=WAIT_MILLISECONDS)
    expect(came.form == Form.CALL and came.exchange % 2 == 0, f"form {came.form} as exchange {came.exchange}")
    expect(came.body == b'{"n":1}', f"the body {came.body!r}")
    said = {name: came.headers.get(name, "") for name in ("micro-service", "micro-endpoint", "content-type")}
    wanted = {"micro-service": sides.service, "micro-endpoint": "Kit.Call", "content-type": JSON}
    expect(said == wanted, f"the headers {said}")
    await sides.serving.say(Kind.END, came.exchange, ANSWER)
    end = await sides.asking.take(Kind.END, exchange=number)
    expect(end.payload == ANSWER, f"the answer {end.payload!r}")


async def passes_large_bodies(bench: Bench) -> None:
    sides = await bench.sides()
    await sides.asking.alive()  # it has said by now how much it takes
    body = b'"' + b"x" * LARGE_BYTES + b'"'
    number = await sides.asking.open(Form.CALL, called(sides.service, "Kit.Call"), body)
    came = await sides.serving.opened()
    expect(came.body == body, f"a body of {len(came.body)} bytes, {len(body)} were sent")
    await sides.serving.say(Kind.END, came.exchange, body)
    end = await sides.asking.take(Kind.END, exchange=number)
    expect(end.payload == body, f"an answer of {len(end.payload)} bytes, {len(body)} were sent")


async def answers_in_any_order(bench: Bench) -> None:
    sides = await bench.sides()
    (first, one), (second, other) = await sides.call(), await sides.call()
    await sides.serving.say(Kind.END, other.exchange, b'"second"')
    await sides.serving.say(Kind.END, one.exchange, b'"first"')
    for number, wanted in ((second, b'"second"'), (first, b'"first"')):
        end = await sides.asking.take(Kind.END, exchange=number)
        expect(end.payload == wanted, f"{end.payload!r} instead of {wanted!r}")


async def counts_the_extra_header(bench: Bench) -> None:
    sides = await bench.sides()
    said = called(sides.service, "Kit.Call", X_Test="block")
    await sides.asking.open(Form.CALL, said, b"{}", extra={"x-test": "extra"})
    came = await sides.serving.opened()
    expect(came.headers.get("x-test") == "extra", f"X-Test: {came.headers.get('x-test')}")


async def defines_again(bench: Bench) -> None:
    sides = await bench.sides()
    block = await sides.asking.define(called(sides.service, "Kit.Call", X_Test="old"))
    await sides.asking.say(Kind.DEFINE, block, headers(called(sides.service, "Kit.Call", X_Test="new")))
    await sides.asking.open(Form.CALL, called(sides.service, "Kit.Call", X_Test="old"), b"{}")
    came = await sides.serving.opened()
    expect(came.headers.get("x-test") == "new", f"X-Test: {came.headers.get('x-test')}")


async def says_who_asks(bench: Bench) -> None:
    sides = await bench.sides()
    names = ("Micro-Caller", "Micro-From-Node", "Micro-Account", "Micro-Scopes", "Micro-Token")
    await sides.call(extra=dict.fromkeys(names, CLAIMED))
    _, came = await sides.call(extra=dict.fromkeys(names, CLAIMED))
    believed = [name for name in names if came.headers.get(name.lower()) == CLAIMED]
    expect(not believed, f"the service is told {', '.join(believed)} as the caller claims it")
    kinds = ("owner", "token", "service", "user", "peer", "anonymous")
    expect(came.headers.get("micro-caller") in kinds, f"Micro-Caller: {came.headers.get('micro-caller')}")


async def passes_answer_headers(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.call()
    await sides.serving.say(Kind.HEADERS, came.exchange, headers({"Content-Type": "text/plain", "X-Test": "1"}))
    await sides.serving.say(Kind.END, came.exchange, b"plain")
    noted = await sides.asking.take(Kind.HEADERS, Kind.END, exchange=number)
    expect(noted.kind == Kind.HEADERS, "no HEADERS before the END")
    expect(b"text/plain" in noted.payload, f"HEADERS {noted.payload!r}")
    await sides.asking.take(Kind.END, exchange=number)


async def passes_faults(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.call()
    await sides.serving.fail(Kind.ERROR, came.exchange, 409, "it is there already")
    end = await sides.asking.take(Kind.ERROR, Kind.END, Kind.REFUSED, exchange=number)
    fault = fault_of(end.payload) if end.kind != Kind.END else {}
    wanted = end.kind == Kind.ERROR and (fault["code"], fault["detail"]) == (409, "it is there already")
    expect(wanted, f"{Kind(end.kind).name} {fault}")


async def withdraws(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.call()
    await sides.asking.say(Kind.CANCEL, number)
    await sides.serving.take(Kind.CANCEL, exchange=came.exchange)
    await sides.serving.say(Kind.END, came.exchange, ANSWER)  # it crosses the CANCEL
    await sides.serving.alive()
    await sides.asking.alive()


async def shrinks_deadlines(bench: Bench) -> None:
    sides = await bench.sides()
    _, came = await sides.call(milliseconds=WAIT_MILLISECONDS)
    expect(0 < came.milliseconds <= WAIT_MILLISECONDS, f"{came.milliseconds} ms, {WAIT_MILLISECONDS} ms were left")


async def tells_of_a_lost_link(bench: Bench) -> None:
    sides = await bench.sides()
    number, _ = await sides.call()
    await sides.serving.close()
    end = await sides.asking.take(Kind.ERROR, Kind.REFUSED, Kind.END, exchange=number)
    fault = fault_of(end.payload) if end.kind != Kind.END else {}
    expect(end.kind == Kind.ERROR and fault["code"] == 503, f"{Kind(end.kind).name} {fault}")


async def forgets_who_left(bench: Bench) -> None:
    sides = await bench.sides()
    await sides.call()
    await sides.serving.close()
    await sides.asking.take(Kind.ERROR, Kind.REFUSED)  # by now it is known that the link has ended
    number = await sides.asking.open(Form.CALL, called(sides.service, "Kit.Call"), b"{}")
    end = await sides.asking.take(Kind.ERROR, Kind.REFUSED, exchange=number)
    fault = fault_of(end.payload)
    expect(end.kind == Kind.REFUSED and fault["code"] in (404, 503), f"{Kind(end.kind).name} {fault}")


async def describes(bench: Bench) -> None:
    sides = await bench.sides()
    found = await bench.asked(sides.asking, "registry", "Registry.Get", {"name": sides.service})
    expect(found.get("name") == sides.service, f"Registry.Get: {str(found)[:200]}")
    names = [each.get("name") for each in found.get("endpoints", [])]
    expect({"Kit.Call", "Kit.Stream"} <= set(names), f"the endpoints {names}")
    missing = await bench.asked(sides.asking, "registry", "Registry.Get", {"name": bench.new_name()})
    expect(missing.get("code") == 404, f"Registry.Get of what is not there: {missing}")


PASSING = (
    Check("call", "a-call", "a call arrives with its headers and body, and its answer comes back", passes_calls),
    Check("large-bodies", "open", "a body of a megabyte arrives whole, in both directions", passes_large_bodies),
    Check("any-order", "a-call", "calls are answered as they finish", answers_in_any_order),
    Check(
        "extra-counts",
        "define",
        "where a name is in the block and among the extra, the extra counts",
        counts_the_extra_header,
    ),
    Check(
        "define-again", "define", "a block may be defined again; what is opened then has the new headers", defines_again
    ),
    Check("who-asks", "names", "the node says who calls; what a caller claims there is replaced", says_who_asks),
    Check("answer-headers", "headers-1", "HEADERS of an answer come before its END", passes_answer_headers),
    Check("fault", "error", "an ERROR arrives as an ERROR, with code and detail", passes_faults),
    Check("cancel", "a-call", "a CANCEL arrives; an answer that crosses it is ignored", withdraws),
    Check("deadline", "deadlines", "whoever passes a call on says what remains of its time", shrinks_deadlines),
    Check("lost-link", "when-to-send-again", "a link that ends before its answer: ERROR, 503", tells_of_a_lost_link),
    Check("leaving", "being-a-service", "a service is registered for as long as its link lives", forgets_who_left),
    Check("descriptions", "finding-services", "Registry.Get gives the description, or 404", describes),
)
