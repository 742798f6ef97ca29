"""Common graphics cards, to plan for without having one."""

from __future__ import annotations

import os
from dataclasses import replace

from .host_dtypes import GIB, MIB, Card, text_on_card
from .memory_plan import Machine

# Share of a card's nominal memory that CUDA reports.
REPORTED = 0.98
# Bytes that the driver and a desktop take before any program starts.
TAKEN = 400 * MIB


def _card(name: str, gib: int, capability: tuple[int, int]) -> Card:
    return Card(name, int(gib * REPORTED * GIB), capability)


# By common name. One card stands for all of the same memory size and generation.
CARDS = {
    "GTX 1060 6 GB": _card("NVIDIA GeForce GTX 1060 6GB", 6, (6, 1)),
    "GTX 1660 6 GB": _card("NVIDIA GeForce GTX 1660", 6, (7, 5)),
    "RTX 2060 6 GB": _card("NVIDIA GeForce RTX 2060", 6, (7, 5)),
    "GTX 1080 8 GB": _card("NVIDIA GeForce GTX 1080", 8, (6, 1)),
    "RTX 3070 8 GB": _card("NVIDIA GeForce RTX 3070", 8, (8, 6)),
    "RTX 4060 8 GB": _card("NVIDIA GeForce RTX 4060", 8, (8, 9)),
    "RTX 2080 Ti 11 GB": _card("NVIDIA GeForce RTX 2080 Ti", 11, (7, 5)),
    "RTX 3060 12 GB": _card("NVIDIA GeForce RTX 3060", 12, (8, 6)),
    "RTX 4070 12 GB": _card("NVIDIA GeForce RTX 4070", 12, (8, 9)),
    "RTX 4060 Ti 16 GB": _card("NVIDIA GeForce RTX 4060 Ti", 16, (8, 9)),
    "RTX 3090 24 GB": _card("NVIDIA GeForce RTX 3090", 24, (8, 6)),
    "RTX 4090 24 GB": _card("NVIDIA GeForce RTX 4090", 24, (8, 9)),
    "RTX 5090 32 GB": _card("NVIDIA GeForce RTX 5090", 32, (12, 0)),
}


def card_of(name: str, windows: bool = os.name == "nt") -> Card:
    """Return the card of this name in `CARDS`. windows: whether it runs under Windows; default: as this computer."""
    return replace(CARDS[name], windows=windows)


def as_machine(name: str, dynamic: bool = False, windows: bool = os.name == "nt") -> Machine:
    """Return a machine with this card, running nothing but a desktop. name, windows: as in `card_of`."""
    card = card_of(name, windows)
    return Machine(name, card.total - TAKEN, card.reserve, dynamic, text_on_card=text_on_card(card))
