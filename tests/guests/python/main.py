"""The conformance guest in Python: written as any service is, with `micro`."""

from micro import Context, Event, Fault, Service, Stream

conformance = Service("conformance", metadata={"instances": "pooled"})


@conformance.endpoint("Test.Echo")
async def echo(text: str, context: Context) -> dict[str, str]:
    """Gives a text back."""
    context.log.info("asked to echo")
    return {"text": text}


@conformance.endpoint("Test.Relay")
async def relay(text: str, context: Context) -> dict[str, str]:
    return await context.client.call("other", "Test.Echo", {"text": text})


@conformance.endpoint("Test.Keep")
async def keep(text: str, context: Context) -> dict[str, str]:
    await context.store.write("kept", text.encode())
    return {"text": (await context.store.read("kept") or b"").decode()}


@conformance.endpoint("Test.Setting")
async def setting(context: Context) -> str:
    found = await context.config.get("greeting")
    if found is None:
        raise Fault("nothing is there", code=404)
    return found


@conformance.endpoint("Test.Fail")
def fail() -> None:
    raise Fault("as was asked", code=422)


@conformance.endpoint("Test.Count")
async def count(items: Stream[dict]):
    async for item in items:
        yield item


@conformance.subscribe("test.asked", queue="conformance")
async def asked(event: Event, context: Context) -> None:
    await context.client.publish("test.handled", event.value)


if __name__ == "__main__":
    conformance.run()
