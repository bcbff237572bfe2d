"""go-micro's services have go-micro's field numbers: taken from its `.proto` files, and not from our classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from micro.service.schema.proto import Message, message_of
from tests.unit.doors.gomicro.town import open_town

LEFT_BEHIND = {"roles", "reserved", "domain"}
"""Our names at numbers that go-micro's messages leave out, which nothing is sent at, and one of a later version."""

PROTOCOL = """
go-micro-registry Registry.GetService(service=1) services=1
go-micro-registry Registry.Register(name=1 version=2 metadata=3 endpoints=4 nodes=5 options=6)
go-micro-registry Registry.Deregister(name=1 version=2 metadata=3 endpoints=4 nodes=5 options=6)
go-micro-registry Registry.ListServices() services=1
go-micro-registry Registry.Watch(service=1) action=1 service=2 timestamp=3
go-micro-broker Broker.Publish(topic=1 message=2)
go-micro-broker Broker.Subscribe(topic=1 queue=2) header=1 body=2
go-micro-client Client.Call(service=1 endpoint=2 content_type=3 body=4) body=1
go-micro-client Client.Publish(topic=1 content_type=2 body=3) topic=1 content_type=2 body=3
go-micro-store Store.Read(key=1 options=2) records=1
go-micro-store Store.Write(record=1 options=2)
go-micro-store Store.Delete(key=1 options=2)
go-micro-store Store.List(options=1) keys=2
go-micro-config Config.Create(change=1)
go-micro-config Config.Update(change=1)
go-micro-config Config.Delete(change=1)
go-micro-config Config.List() values=1
go-micro-config Config.Read(namespace=1 path=2) change=1
go-micro-config Config.Watch(namespace=1 path=2) namespace=1 changeSet=2
go-micro-auth Auth.Generate(id=1 metadata=3 scopes=4 secret=5 type=6 provider=7) account=1
go-micro-auth Auth.Inspect(token=1) account=1
go-micro-auth Auth.Token(id=1 secret=2 refresh_token=3 token_expiry=4) token=1
go-micro-auth Accounts.List() accounts=1
go-micro-auth Rules.Create(rule=1)
go-micro-auth Rules.Delete(id=1)
go-micro-auth Rules.List() rules=1
go-micro-events Stream.Publish(topic=1 metadata=2 payload=3 timestamp=4)
go-micro-events Stream.Consume(queue=1 topic=2 start_at_time=3 auto_ack=4 ack_wait=5 retry_limit=6) \
id=1 topic=2 metadata=3 payload=4 timestamp=5
go-micro-events Store.Read(topic=1 limit=2 offset=3) events=1
"""

INNER = """
services service: name=1 version=2 metadata=3 endpoints=4 nodes=5 options=6
options: ttl=1
metadata: type=1 value=2
nodes: id=1 address=2 port=3 metadata=4
endpoints: name=1 request=2 response=3 metadata=4
request response values: name=1 type=2 values=3
message: header=1 body=2
record records: key=1 value=2 expiry=3 metadata=4
change config/values: namespace=1 path=2 changeSet=3
changeSet: data=1 checksum=2 format=3 source=4 timestamp=5
account accounts: id=1 type=2 metadata=4 scopes=5 issuer=6 secret=7
token: access_token=1 refresh_token=2 created=3 expiry=4
rule rules: id=1 scope=2 resource=3 access=4 priority=5
resource: name=1 type=2 endpoint=3
events: id=1 topic=2 metadata=3 payload=4 timestamp=5
"""
OPTIONS = {
    "go-micro-store Store.Read": "database=1 table=2 prefix=3 suffix=4 limit=5 offset=6",
    "go-micro-store Store.Write": "database=1 table=2 expiry=3 ttl=4",
    "go-micro-store Store.Delete": "database=1 table=2",
    "go-micro-store Store.List": "database=1 table=2 prefix=3 suffix=4 limit=5 offset=6",
}
LINE = re.compile(r"(\S+ \S+)\((.*)\)(.*)")


def spelled(message: Message) -> str:
    """Returns a message's fields as the tables here have them."""
    return " ".join(f"{each.name}={each.number}" for each in message.fields if each.name not in LEFT_BEHIND)


def inner(message: Message) -> Iterator[tuple[str, Message]]:
    """Yields the messages inside one, each by the name of a field that holds it."""
    for each in message.everything():
        for field in each.fields:
            if field.message is not None:
                yield field.name, field.message


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoints() -> dict[str, Any]:
    """All endpoints, as they are described."""
    async with open_town() as town:
        return {
            f"{name} {each['name']}": each
            for name in sorted({line.split()[0] for line in PROTOCOL.split("\n") if line})
            for each in (town.node.platform.describe(name) or {})["endpoints"]
        }


@pytest.mark.asyncio(loop_scope="module")
async def test_every_message_has_the_numbers_of_go_micro(endpoints: dict[str, Any]) -> None:
    """Of requests and answers, and of all that is in them."""
    within = {
        name: said.strip()
        for line in INNER.strip().split("\n")
        for names, said in [line.split(":")]
        for name in names.split()
    }
    wanted = {found[1]: (found[2], found[3].strip()) for found in LINE.finditer(PROTOCOL)}
    assert set(wanted) == set(endpoints) - {"go-micro-client Client.Stream"}
    for name, (request, response) in wanted.items():
        for kind, said in (("request", request), ("response", response)):
            schema = endpoints[name][kind]
            message = message_of(schema, kind) if schema.get("properties") or "$ref" in schema else Message(kind)
            assert spelled(message) == said, (name, kind)
            for field, held in inner(message):
                own = within.get(f"{name.split()[0].removeprefix('go-micro-')}/{field}")
                numbers = OPTIONS.get(name, within["options"]) if field == "options" else own or within[field]
                if held.fields != []:
                    assert spelled(held) == numbers, (name, field)
