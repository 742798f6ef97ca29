"""A node as a running host describes it: its slots, its widgets, and which values a saved workflow holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NodeInfo:
    """A node as the host describes it to the page. Slots and widgets keep the host's order."""

    description: dict[str, Any]
    """The host's description, from /object_info."""
    slots: dict[str, str]
    """Types of the slots, by name."""
    widgets: dict[str, dict[str, Any]]
    """Options of the widgets, by name."""

    @staticmethod
    def of(description: dict[str, Any]) -> NodeInfo:
        slots, widgets = {}, {}
        for group, names in description["input_order"].items():
            for name in names if group != "hidden" else ():
                kind, options = (*description["input"][group][name], {})[:2]
                # Older nodes give the choices of a combo in place of its type.
                typed = isinstance(kind, list) or kind in ("BOOLEAN", "COMBO", "FLOAT", "INT", "STRING")
                if typed and not options.get("forceInput"):
                    widgets[name] = options
                else:
                    slots[name] = kind
        return NodeInfo(description, slots, widgets)

    def saved_widgets(self) -> list[str]:
        """Return the names of the widget values in a saved workflow, including widgets that the page adds."""
        names = []
        for name, options in self.widgets.items():
            names.append(name)
            if options.get("control_after_generate"):
                names.append("control_after_generate")
            if options.get("image_upload"):
                names.append("upload")
        return names
