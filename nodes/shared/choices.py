"""Check options of combo inputs: older hosts do not check them for nodes of the V3 schema."""

from comfy_api.latest import io


def option(value: str) -> str:
    """Return an option as the node lists it. Also accepts the British spelling of `color`."""
    return value.replace("colour", "color")


def check_choices(node: type[io.ComfyNode], **chosen: str | None) -> bool | str:
    """Check chosen options, for a node's `validate_inputs`.

    Args:
        chosen: values by widget id. None is a linked input, whose value is not known during validation.

    Returns:
        True, or an error text about the first value that its widget does not list.
    """
    listed = {port.id: port.options for port in node.define_schema().inputs if isinstance(port, io.Combo.Input)}
    for name, value in chosen.items():
        options = listed[name]
        if value is not None and value not in options and option(value) not in options:
            known = ", ".join(options) if len(options) <= 50 else f"its {len(options)} choices"
            return f"{name}: expected one of {known or 'an empty list'}, got {value}. Choose an option of the list."
    return True
