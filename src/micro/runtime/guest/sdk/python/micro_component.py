"""What `componentize-py` makes a component of: the world's functions on one side, a service's handlers on the other.

The service is the module `main` beside this one. It is written with `micro`, as any service is: see `micro/__init__.py`
beside this file for what of it there is inside a guest.
"""

import time

import main
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Fault

from micro import _guest, _host

time.sleep = _host.sleep
_service = _guest.service_of(main)


def _well(work, *given):
    try:
        return work(*given)
    except _guest.Fault as fault:
        raise Err(Fault(fault.id, fault.code, fault.detail, fault.status)) from None


class Handler(exports.Handler):
    """The functions that the host calls."""

    def describe(self):
        return _service.describe()

    def call(self, request):
        return _well(_service.call, request.header, request.body)

    def serve(self, request):
        _well(_service.serve, request.header, request.body)

    def event(self, event):
        _well(_service.event, event.header, event.body)
