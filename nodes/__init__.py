"""The nodes of Mend, listed once, in the order of the menu."""

from comfy_api.latest import ComfyExtension, io

from .. import host
from .composite.composite import Composite, DecodeComposite
from .composite.keep_unedited import KeepUnedited
from .composite.seam_score import SeamScore
from .composite.soft_composite_mask import SoftCompositeMask
from .crop.crop_stitch import CropByBox, CropForInpaint, StitchCrop
from .crop.pad_for_outpaint import PadForOutpaint
from .crop.regions import CropRegions, StitchRegions
from .encode.apply_fooocus import ApplyFooocusInpaint
from .encode.control_image import InpaintControlImage
from .encode.encode_inpaint import EncodeInpaint
from .fill.fill_masked import FillMasked
from .fill.inpaint_with_network import InpaintWithNetwork
from .inpaint import chain_route
from .inpaint.inpaint import Inpaint
from .inpaint.inpaint_report import InpaintReport
from .inpaint.inpaint_result import InpaintResult
from .inpaint.inpaint_with_diffusers import InpaintWithDiffusers
from .load import estimate_route
from .load.estimate_vram import EstimateVram
from .load.load_diffusers import LoadDiffusers
from .load.load_fooocus import LoadFooocusPatch
from .load.load_model import LoadCheckpoint, LoadModel
from .load.load_network import LoadNetwork
from .mask.clean_mask import CleanMask
from .mask.combine_masks import CombineMasks
from .mask.grow_feather_mask import GrowFeatherMask
from .mask.inpaint_masks import InpaintMasks
from .mask.inspect_mask import InspectMask
from .mask.mask_from_picture import MaskFromAlpha, MaskFromColor, MaskFromDifference
from .mask.preview_mask import PreviewMaskOverImage
from .mask.split_mask import SplitMask
from .sample.coherent_sampler import CoherentSampler
from .sample.keep_outside import KeepOutside
from .sample.masked_sampler import MaskedSampler
from .sample.remove_object import RemoveObject
from .sample.soft_inpaint import SoftInpaint
from .shared.inputs import checking_inputs
from .shared.notes import reporting_notes
from .shared.progress import reporting_progress
from .shared.step_names import naming_step

NODES: list[type[io.ComfyNode]] = [
    Inpaint,
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
    LoadDiffusers,
    EstimateVram,
    EncodeInpaint,
    InpaintControlImage,
    ApplyFooocusInpaint,
    MaskedSampler,
    SoftInpaint,
    KeepOutside,
    CoherentSampler,
    RemoveObject,
    DecodeComposite,
    Composite,
    KeepUnedited,
    SoftCompositeMask,
    SeamScore,
    InpaintReport,
    InpaintResult,
    FillMasked,
    InpaintWithNetwork,
    InpaintWithDiffusers,
]
for node in NODES:
    naming_step(reporting_progress(reporting_notes(checking_inputs(node))))


class MendExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> MendExtension:
    host.share_inpaint_folder()
    estimate_route.register()
    chain_route.register()
    return MendExtension()
