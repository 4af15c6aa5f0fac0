"""`torch.export.save` ends the process when a write fails, for example on a full disk.

Covers: torch.export files/disk-full
Upstream: pytorch/pytorch#175248
"""

import contextlib
import resource
import signal

import torch

module = torch.nn.Linear(128, 128)
program = torch.export.export(module, (torch.ones(1, 128),))
torch.export.save(program, "first.pt2")

# The maximum size of a file. A longer write is an error of the operating system.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, resource.RLIM_INFINITY))
with contextlib.suppress(OSError, RuntimeError):
    torch.export.save(program, "second.pt2")
assert torch.equal(torch.export.load("first.pt2").state_dict["weight"], module.weight)
