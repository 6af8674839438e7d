"""One training in several processes: how they are found, and how none is left waiting for another that has failed.

``accelerate launch`` (or torchrun) starts the same program several times; each process finds the others through
the environment. Alone, a process is its own first one and everything here is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import InputError


def find_processes():
    """Accelerate's view of the processes and of this one's device. Raises InputError where it would split the model."""
    import torch
    from accelerate import Accelerator

    # the stage says which precision; accelerate's own setting would put a second autocast around the model
    found = Accelerator(mixed_precision="no", cpu=not torch.cuda.is_available() and not torch.backends.mps.is_available())
    if found.distributed_type.value not in ("NO", "MULTI_CPU", "MULTI_GPU"):
        raise InputError(f"accelerate is set to {found.distributed_type.value}, which splits the model, but here each process "
                         "holds all of it; choose multi-GPU or multi-CPU in accelerate config, and LoRA for a large model.")
    return found


@contextmanager
def together(accelerator) -> Iterator[None]:
    """What is bad input in one process is raised in all of them, and all are done before any goes on.

    Each does its share inside; nothing in there may wait for another process.

    >>> with together(accelerator):
    ...     if accelerator.is_main_process:
    ...         draw_the_pictures()
    """
    from accelerate.utils import gather_object

    fault = None
    try:
        yield
    except InputError as error:
        fault = error
    # gathered as texts: an error with more fields than its message cannot be sent
    texts = gather_object([fault and str(fault)]) if accelerator.num_processes > 1 else []
    if fault is not None:
        raise fault
    for text in filter(None, texts):
        raise InputError(text)
