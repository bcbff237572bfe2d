"""The front door of the Micro network as a guest has it: the names and meanings are those of the library.

What there is: `Service` with endpoints, streams and subscriptions; `Context` with its client, store, settings and log;
`Event`, `Stream`, `Fault`. A handler may be `async def` or not; it can await what its host does, and nothing else.
"""

from micro._guest import Client, Context, Event, Fault, Service, Stream

__all__ = ["Client", "Context", "Event", "Fault", "Service", "Stream"]
