"""What the bridge to guests needs of wasmtime beyond what its package promises; this fails first when it moves."""

from __future__ import annotations

import ctypes
from importlib.metadata import version
from typing import Any

import pytest
import wasmtime
from wasmtime import _bindings as native

NEEDED = [
    "wasmtime_call_future_delete",
    "wasmtime_call_future_poll",
    "wasmtime_component_func_call_async",
    "wasmtime_component_linker_allow_shadowing",
    "wasmtime_component_linker_instance_add_func",
    "wasmtime_component_linker_instance_add_func_async",
    "wasmtime_component_linker_instantiate_async",
    "wasmtime_component_val_delete",
    "wasmtime_component_val_new",
    "wasmtime_component_vallist_new_uninit",
    "wasmtime_component_valrecord_new_uninit",
    "wasmtime_component_valtuple_new_uninit",
    "wasmtime_context_fuel_async_yield_interval",
    "wasmtime_error_new",
    "wasmtime_func_call_async",
    "wasmtime_instance_export_get",
    "wasmtime_linker_define_async_func",
    "wasmtime_linker_define_func_unchecked",
    "wasmtime_linker_instantiate_async",
    "wasmtime_memory_data",
    "wasmtime_memory_data_size",
    "wasmtime_trap_new",
    "wasm_byte_vec_new_uninitialized",
]


def test_the_version_is_the_one_that_was_tried() -> None:
    """The package is pinned exactly, in the extra as in the locked requirements."""
    assert version("wasmtime") == "50.0.1"


@pytest.mark.parametrize("name", NEEDED)
def test_the_binding_is_there(name: str) -> None:
    """Each function of the C library that the bridge calls is bound."""
    assert callable(getattr(native, name))


def test_a_call_gives_way_after_its_slice_and_uses_the_same_fuel() -> None:
    """A polled future comes back unfinished after each slice, and slicing costs nothing."""
    text = """(module (func (export "count") (param i32) (loop $again
      (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $again (local.get 0)))))"""
    used, turns = [], []
    for slice_fuel in (10_000, 1_000_000):
        polls, left = _run(text, slice_fuel)
        turns.append(polls)
        used.append(10_000_000 - left)
    assert used[0] == used[1]
    assert turns[0] > turns[1] > 1


def _run(text: str, slice_fuel: int) -> tuple[int, int]:
    settings = wasmtime.Config()
    settings.consume_fuel = True
    engine = wasmtime.Engine(settings)
    store = wasmtime.Store(engine)
    store.set_fuel(10_000_000)
    linker = wasmtime.Linker(engine)
    module = wasmtime.Module(engine, text)
    context: Any = store._context()
    assert not native.wasmtime_context_fuel_async_yield_interval(context, slice_fuel)
    instance = native.wasmtime_instance_t()
    trap, error = ctypes.POINTER(native.wasm_trap_t)(), ctypes.POINTER(native.wasmtime_error_t)()
    ends = (ctypes.byref(trap), ctypes.byref(error))
    _finish(
        native.wasmtime_linker_instantiate_async(linker.ptr(), context, module.ptr(), ctypes.byref(instance), *ends)
    )
    function = wasmtime.Instance._from_raw(instance).exports(store)["count"]
    assert isinstance(function, wasmtime.Func)
    values: Any = (native.wasmtime_val_t * 1)()
    values[0].kind, values[0].of.i32 = 0, 500_000
    polls = _finish(native.wasmtime_func_call_async(context, ctypes.byref(function._func), values, 1, values, 0, *ends))
    assert not trap
    assert not error
    return polls, store.get_fuel()


def _finish(future: Any) -> int:
    polls = 1
    while not native.wasmtime_call_future_poll(future):
        polls += 1
    native.wasmtime_call_future_delete(future)
    return polls
