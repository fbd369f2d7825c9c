"""Registers facts that no table can be drawn from."""

from __future__ import annotations

from encswap import EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register a config that is a text, and a number of parameters that is one."""
    facts = {
        "config": Fact("hidden_size=768", "V", "2026-11"),
        "parameters": Fact("110M", "V", "2026-11"),
    }
    register(EncoderSpec("garbage-facts", "nobody/garbage", facts=facts))
