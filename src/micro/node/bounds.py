"""What the settings of a node may be: the least and the most of numbers, and the words there are.

Pure.
"""

from __future__ import annotations

__all__ = ["CHOICES", "RANGES"]

RANGES: dict[str, tuple[float, float]] = {
    "api_port": (0, 65_535),
    "phone_port": (0, 65_535),
    "phone_page_port": (0, 65_535),
    "mucp_port": (0, 65_535),
    "grpc_port": (0, 65_535),
    "network_port": (0, 65_535),
    "relay_port": (0, 65_535),
    "passage_port": (0, 65_535),
    "dht_port": (0, 65_535),
    "peers_max": (1, 10_000),
    "super_away_seconds": (5, 31_536_000),
    "stranger_calls_per_second": (1, 1_000_000),
    "stranger_events_per_second": (1, 1_000_000),
    "stranger_lookups_per_second": (1, 1_000_000),
    "stranger_writes_per_second": (1, 1_000_000),
    "stranger_bytes_per_second": (1_048_576, 1e12),
    "source_look_seconds_min": (60, 86_400),
    "source_look_seconds_max": (60, 86_400),
    "generation_seconds": (1, 31_536_000),
    "generation_idle_seconds": (1, 31_536_000),
    "trial_lapse_seconds": (1, 31_536_000),
    "wasm_workers": (0, 1_024),
    "wasm_memory_bytes": (65_536, 4_294_967_296),
    "wasm_worker_memory_bytes": (268_435_456, 1e15),
    "wasm_fuel": (1_000_000, 1e18),
    "wasm_seconds": (0.01, 86_400),
    "assistant_price_max": (0, 1e12),
    "kept_days": (0.001, 3_650),
    "copies_bytes": (0, 1e15),
    "copies_bytes_per_node": (0, 1e15),
    "guest_memory_bytes": (33_554_432, 1e15),
    "guest_processes": (4, 1_000_000),
    "guest_processors": (0, 10_000),
    "guest_private_bytes": (65_536, 1e15),
}
"""The least and the most that a number may be."""
CHOICES: dict[str, tuple[str, ...]] = {
    "log_level": ("debug", "info", "warning", "error"),
    "sandbox": ("auto", "bubblewrap", "sandlock", "none"),
}
"""What a word may be; how it is written, large or small, does not matter."""
