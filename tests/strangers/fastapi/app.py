"""A list of things to buy."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="Shopping")
things: dict[int, "Thing"] = {}


class Thing(BaseModel):
    name: str
    price: float
    sold: bool = False


@app.get("/things/{thing_id}")
def read_thing(thing_id: int, currency: str = "EUR") -> dict:
    """Read one thing."""
    if thing_id not in things:
        raise HTTPException(status_code=404, detail="no such thing")
    return {"id": thing_id, "currency": currency, **things[thing_id].model_dump()}


@app.put("/things/{thing_id}")
def put_thing(thing_id: int, thing: Thing) -> dict:
    things[thing_id] = thing
    return {"id": thing_id}


@app.get("/names")
def list_names() -> list[str]:
    return sorted(thing.name for thing in things.values())
