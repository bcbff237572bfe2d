"""A model of the house to play with: many nodes in one process, on a clock of their own, with every accident."""

from __future__ import annotations

from micro.testing.guest import Guest
from micro.testing.invariants import Invariant
from micro.testing.network_ordeal import NetworkOrdeal
from micro.testing.ordeal import Ordeal
from micro.testing.traitor import LIES
from micro.testing.weather import CALM, STORMY, Weather
from micro.testing.world import World, WorldBroken

__all__ = ["CALM", "LIES", "STORMY", "Guest", "Invariant", "NetworkOrdeal", "Ordeal", "Weather", "World", "WorldBroken"]
