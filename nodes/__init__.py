"""The nodes of Mend, listed once, in the order of the menu."""

from comfy_api.latest import ComfyExtension, io

from .. import host
from . import estimate_route
from .coherent import CoherentSampler
from .composite import Composite, DecodeComposite
from .control import InpaintControlImage
from .crop import CropByBox, CropForInpaint, StitchCrop
from .crop_regions import CropRegions, StitchRegions
from .encode import EncodeInpaint
from .estimate import EstimateVram
from .fill import FillMasked
from .fooocus import ApplyFooocusInpaint, LoadFooocusPatch
from .load import LoadCheckpoint, LoadModel
from .mask import CleanMask, GrowFeatherMask, InpaintMasks
from .mask_from import MaskFromAlpha, MaskFromColor, MaskFromDifference
from .mask_look import InspectMask, PreviewMaskOverImage
from .mask_parts import CombineMasks, SplitMask
from .network import InpaintWithNetwork, LoadNetwork
from .outpaint import PadForOutpaint
from .remove import RemoveObject
from .sample import MaskedSampler
from .seam import SeamScore
from .soft import SoftCompositeMask, SoftInpaint

NODES: list[type[io.ComfyNode]] = [
    CleanMask,
    InspectMask,
    GrowFeatherMask,
    InpaintMasks,
    SplitMask,
    CombineMasks,
    MaskFromColor,
    MaskFromAlpha,
    MaskFromDifference,
    PreviewMaskOverImage,
    CropForInpaint,
    CropByBox,
    StitchCrop,
    CropRegions,
    StitchRegions,
    PadForOutpaint,
    LoadCheckpoint,
    LoadModel,
    LoadFooocusPatch,
    LoadNetwork,
    EstimateVram,
    EncodeInpaint,
    InpaintControlImage,
    ApplyFooocusInpaint,
    MaskedSampler,
    SoftInpaint,
    CoherentSampler,
    RemoveObject,
    DecodeComposite,
    Composite,
    SoftCompositeMask,
    SeamScore,
    FillMasked,
    InpaintWithNetwork,
]


class MendExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> MendExtension:
    host.share_inpaint_folder()
    estimate_route.register()
    return MendExtension()
