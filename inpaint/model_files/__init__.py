"""Model files read as data: no weight is loaded and nothing in a file is run.

stored_file          the tensors of any file, by its suffix
safetensors_header   .safetensors, .sft
gguf_header          .gguf
pickle_header        .ckpt, .pt, .pth, .bin
data_pickle          a pickle walked opcode by opcode
torch_archive        the zip archives that PyTorch writes
torchscript          the weights of a TorchScript archive
stored_tensors       one tensor of a file, and the errors about damaged files
families             the model family, from the names and shapes of tensors
checkpoint           family, parts and sizes of a checkpoint
"""

from .checkpoint import CheckpointHeader, read_header, read_part
from .stored_file import StoredFile, read_stored

__all__ = ["CheckpointHeader", "StoredFile", "read_header", "read_part", "read_stored"]
