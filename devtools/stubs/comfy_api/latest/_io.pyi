"""Inputs, outputs and schemas of nodes.

`advanced`, which newer hosts know, is missing on purpose: nodes/shared/widgets.py sets it for all hosts.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeAlias

class Input:
    id: str
    display_name: str | None
    optional: bool
    tooltip: str | None
    extra_dict: dict[str, Any]
    @property
    def io_type(self) -> str: ...
    def __init__(
        self, id: str, *, display_name: str | None = None, optional: bool = False, tooltip: str | None = None
    ) -> None: ...

class WidgetInput(Input):
    default: Any
    def __init__(
        self,
        id: str,
        *,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        default: Any = None,
        socketless: bool | None = None,
        force_input: bool | None = None,
    ) -> None: ...

class Output:
    id: str | None
    display_name: str | None
    tooltip: str | None
    is_output_list: bool
    def __init__(
        self,
        id: str | None = None,
        *,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None: ...

# Names for the three above where a class has one of the same name.
_Input: TypeAlias = Input
_WidgetInput: TypeAlias = WidgetInput
_Output: TypeAlias = Output

class ComfyTypeIO:
    io_type: str
    class Input(_Input): ...
    class Output(_Output): ...

def Custom(io_type: str) -> type[ComfyTypeIO]: ...

class Boolean(ComfyTypeIO):
    class Input(_WidgetInput):
        default: bool | None
        def __init__(
            self,
            id: str,
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            default: bool | None = None,
            label_on: str | None = None,
            label_off: str | None = None,
        ) -> None: ...

class Int(ComfyTypeIO):
    class Input(_WidgetInput):
        default: int | None
        min: int | None
        max: int | None
        step: int | None
        def __init__(
            self,
            id: str,
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            default: int | None = None,
            min: int | None = None,
            max: int | None = None,
            step: int | None = None,
            control_after_generate: bool | None = None,
        ) -> None: ...

class Float(ComfyTypeIO):
    class Input(_WidgetInput):
        default: float | None
        min: float | None
        max: float | None
        step: float | None
        round: float | None
        def __init__(
            self,
            id: str,
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            default: float | None = None,
            min: float | None = None,
            max: float | None = None,
            step: float | None = None,
            round: float | None = None,
        ) -> None: ...

class String(ComfyTypeIO):
    class Input(_WidgetInput):
        default: str | None
        def __init__(
            self,
            id: str,
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            multiline: bool = False,
            placeholder: str | None = None,
            default: str | None = None,
            force_input: bool | None = None,
        ) -> None: ...

class Combo(ComfyTypeIO):
    class Input(_WidgetInput):
        # The host takes numbers and enumerations as well; this pack has words alone.
        default: str | None
        options: Sequence[str]
        def __init__(
            self,
            id: str,
            options: Sequence[str],
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            default: str | None = None,
        ) -> None: ...

class MultiType:
    class Input(_Input):
        def __init__(
            self,
            id: str,
            types: list[type[ComfyTypeIO]],
            *,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
        ) -> None: ...

class Clip(ComfyTypeIO): ...
class Conditioning(ComfyTypeIO): ...
class Image(ComfyTypeIO): ...
class Latent(ComfyTypeIO): ...
class Mask(ComfyTypeIO): ...
class Model(ComfyTypeIO): ...
class Sampler(ComfyTypeIO): ...
class Vae(ComfyTypeIO): ...

class Hidden(Enum):
    unique_id = ...
    prompt = ...
    dynprompt = ...

class HiddenHolder:
    # None where the node's schema does not ask for it.
    unique_id: str | None
    prompt: dict[str, Any] | None
    dynprompt: Any

class Schema:
    node_id: str
    display_name: str | None
    category: str
    inputs: list[Input]
    outputs: list[Output]
    hidden: list[Hidden]
    description: str
    is_output_node: bool
    is_input_list: bool
    def __init__(
        self,
        node_id: str,
        *,
        display_name: str | None = None,
        category: str = "sd",
        inputs: list[Input],
        outputs: list[Output],
        hidden: list[Hidden] = ...,
        description: str = "",
        is_output_node: bool = False,
        is_deprecated: bool = False,
        is_experimental: bool = False,
        not_idempotent: bool = False,
        is_input_list: bool = False,
        enable_expand: bool = False,
    ) -> None: ...

class NodeOutput:
    args: tuple[Any, ...]
    ui: _UIOutput | dict[str, Any] | None
    def __init__(
        self,
        *args: Any,
        ui: _UIOutput | dict[str, Any] | None = None,
        expand: dict[str, Any] | None = None,
        block_execution: str | None = None,
    ) -> None: ...
    @property
    def result(self) -> tuple[Any, ...] | None: ...

class _UIOutput(ABC):
    @abstractmethod
    def as_dict(self) -> dict[str, Any]: ...

class ComfyNode:
    hidden: HiddenHolder
    @classmethod
    def define_schema(cls) -> Schema: ...
    # Each node has its own parameters: the host calls by keyword, with the inputs that the schema names.
    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> NodeOutput: ...
    @classmethod
    def validate_inputs(cls, *args: Any, **kwargs: Any) -> bool | str: ...
    @classmethod
    def fingerprint_inputs(cls, *args: Any, **kwargs: Any) -> Any: ...
