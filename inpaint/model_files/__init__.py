"""Read model files as data: no weights are loaded and no code in a file runs.

stored_file          the tensors of any file; the suffix selects the reader
safetensors_header   .safetensors, .sft
gguf_header          .gguf
pickle_header        .ckpt, .pt, .pth, .bin
data_pickle          a pickle interpreted opcode by opcode, without running it
torch_archive        the zip archives that PyTorch writes
torchscript          the weights of a TorchScript archive
stored_tensors       the record of one tensor, and the errors for damaged files
families             the model family, identified by tensor names and shapes
checkpoint           family, parts and part sizes of a checkpoint
"""

from .checkpoint import CheckpointHeader, read_header, read_part
from .stored_file import StoredFile, read_stored

__all__ = ["CheckpointHeader", "StoredFile", "read_header", "read_part", "read_stored"]
