"""Lists of choices: older hosts do not check what an API client sends for one, for nodes of the V3 schema."""

from comfy_api.latest import io


def option(value: str) -> str:
    """An option as the node lists it. British spelling is read as well: `colour` is `color`."""
    return value.replace("colour", "color")


def check_choices(node: type[io.ComfyNode], **chosen: str | None) -> bool | str:
    """Check chosen options, for a node's `validate_inputs`.

    Args:
        chosen: values by widget id. None is a linked input, whose value is not known during validation.

    Returns:
        True, or a sentence about the first value that its widget does not list.
    """
    for port in node.define_schema().inputs:
        value = chosen.get(port.id)
        if value is not None and value not in port.options and option(value) not in port.options:
            known = ", ".join(port.options) if len(port.options) <= 50 else f"its {len(port.options)} choices"
            return f"{port.id}: expected one of {known or 'an empty list'}, got {value}. Choose one of the list."
    return True
