"""The pack's own types of links between nodes."""

from comfy_api.latest import io

StitchType, RegionStitchType = io.Custom("MEND_STITCH"), io.Custom("MEND_REGION_STITCH")
FooocusPatch = io.Custom("MEND_FOOOCUS_PATCH")
NetworkType = io.Custom("MEND_NETWORK")
PipelineType = io.Custom("MEND_PIPELINE")
