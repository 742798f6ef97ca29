"""Checking what an API client sends for a list of choices: older hosts do not, for nodes of the V3 schema."""

from comfy_api.latest import io


def check_choices(node: type[io.ComfyNode], **chosen: str | None) -> bool | str:
    """For a node's `validate_inputs`: True, or what is wrong. None comes from a link: not known yet."""
    for port in node.define_schema().inputs:
        value = chosen.get(port.id)
        if value is not None and value not in port.options:
            known = ", ".join(port.options) if len(port.options) <= 50 else f"its {len(port.options)} choices"
            return f"{port.id}: expected one of {known or 'an empty list'}, got {value}. Choose one of the list."
    return True
