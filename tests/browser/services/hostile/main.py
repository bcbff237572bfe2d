"""A service that means harm: markup, links and pictures in everything it says of itself and answers."""

from typing import Any

from micro import Service

SCRIPT = (
    "<script>window.harmed=1</script><img src=x onerror='window.harmed=1'><a href='javascript:window.harmed=1'>x</a>"
)
ELSEWHERE = "http://192.0.2.1:9/track.png"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="window.harmed=1" width="20" height="20">'
    f'<script>window.harmed=1</script><image href="{ELSEWHERE}"/><rect width="20" height="20" fill="red"/></svg>'
)

hostile = Service("hostile", description=f"{SCRIPT} ![x]({ELSEWHERE}) " + "W" * 300)


@hostile.endpoint("Do.Harm", idempotent=True, examples=[{"text": SCRIPT}])
async def harm(text: str = SCRIPT) -> dict[str, Any]:
    """<img src=x onerror=window.harmed=1> Answer with markup."""
    return {
        SCRIPT: text,
        "link": "javascript:window.harmed=1",
        "page": "data:text/html;base64,PHNjcmlwdD53aW5kb3cuaGFybWVkPTE8L3NjcmlwdD4=",
        "away": ELSEWHERE,
        "__proto__": {"harmed": 1},
        "deep": [[[[[[[[["deep"]]]]]]]]],
    }


@hostile.endpoint("Do.Draw", idempotent=True)
async def draw() -> bytes:
    """Answer with a picture that has a script in it."""
    return SVG.encode()


@hostile.endpoint("Do.Page", idempotent=True)
async def page() -> bytes:
    """Answer with a page."""
    return f"<!doctype html><title>x</title>{SCRIPT}".encode()


@hostile.endpoint("Do.Drawing", idempotent=True)
async def drawing() -> str:
    """Answer with a drawing as text."""
    return SVG


if __name__ == "__main__":
    hostile.run()
