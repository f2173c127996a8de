"""The processes that train one network together: which part of a batch each takes, and what they tell one another.

torch.distributed does it: gloo between CPUs, NCCL between GPUs. A process that trains alone exchanges nothing.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
FEWEST_AT_ONCE = 2  # BatchNorm has nothing to normalise one image by
LONGEST_WAIT = timedelta(days=1)  # for a process that computes what frozen blocks give for a whole dataset


@dataclass(frozen=True)
class Share:
    """The part of a batch that falls to one process.

    Attributes:
        seen: the rows that it computes.
        own: those of the rows seen that it hands in; every row of the batch is handed in by one process.
        times: what its part of the loss is multiplied by, so that the mean over the processes is the batch's loss.
    """

    seen: slice
    own: slice
    times: int


@dataclass(frozen=True)
class Group:
    """The processes of one training, as one of them sees it.

    Attributes:
        rank: of this process; the first one, 0, writes all files.
        size: how many there are on all machines.
        local_rank: of this process among those of its machine.
    """

    rank: int
    size: int
    local_rank: int

    def device(self, chosen: torch.device) -> torch.device:
        """The device of this process: the GPU of its own, where ``chosen`` is a GPU."""
        return torch.device(chosen.type, self.local_rank) if chosen.type == "cuda" and self.size > 1 else chosen

    def share(self, count: int) -> Share:
        """This process's part of a batch of ``count`` rows: a contiguous one, all of them as equal as may be.

        Of a batch too small for two rows each, every process computes all rows, so that none has nothing to do and
        BatchNorm sees no single image.
        """
        mine = slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)
        if count < FEWEST_AT_ONCE * self.size:
            return Share(slice(0, count), mine, 1)
        return Share(mine, slice(0, mine.stop - mine.start), self.size)

    def images_of_each(self, count: int) -> int:
        """How many of ``count`` images each process takes at once."""
        return math.ceil(count / self.size)

    def exchanging(self, module: nn.Module) -> nn.Module:
        """The module, the gradients of what it thaws now averaged over the processes in every backward pass.

        To be made anew for every epoch, so that a resumed training adds up in the order of an undisturbed one.
        """
        if self.size == 1:
            return module
        with warnings.catch_warnings():
            # torch 2.15 has another name for this, which the versions before it do not know
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            # buffers that move are averaged where an epoch ends
            return DistributedDataParallel(module, broadcast_buffers=False)

    def join_norms(self, network: nn.Module, device: torch.device) -> None:
        """Let BatchNorm, where it moves, normalise by the whole batch; torch has that for GPUs alone."""
        if self.size > 1 and device.type == "cuda":
            # torch's own conversion would lose the activation in timm's layers
            from timm.layers.norm_act import convert_sync_batchnorm

            convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]

    def equalise(self, network: nn.Module) -> None:
        """Give every process the first one's parameters and buffers."""
        if self.size > 1:
            network.load_state_dict(
                self.broadcast({name: tensor.cpu() for name, tensor in network.state_dict().items()})
            )

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Put the mean over the processes into floating-point tensors; others stay."""
        for tensor in tensors:
            if self.size > 1 and tensor.is_floating_point():
                tensor.copy_(self.total(tensor) / self.size)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over the processes."""
        if self.size > 1:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
            dist.all_reduce(tensor)
        return tensor

    def gather(self, rows: Tensor, places: Tensor, count: int) -> Tensor:
        """The rows (count, …) of all processes in order.

        Args:
            rows: (n, …) of this process; in order where it is alone.
            places: (n,) where they stand.
            count: of all rows.
        """
        if self.size == 1:
            return rows
        whole = rows.new_zeros(count, *rows.shape[1:])
        whole[places.to(rows.device)] = rows
        return self.total(whole)

    def broadcast(self, content: T) -> T:
        """What the first process gave; tensors in it must be on the CPU."""
        if self.size == 1:
            return content
        given = [content]
        dist.broadcast_object_list(given, device=torch.device("cpu"))
        return given[0]

    def all(self, is_so: bool) -> bool:
        """Whether it is so in every process."""
        return int(self.total(torch.tensor(int(is_so)))) == self.size

    def in_turns(self, work: Callable[[], T]) -> T:
        """Do ``work`` in the first process, then in the first of every other machine, then in the rest.

        So what one process writes the others find, whether or not the machines share their disks.
        """
        turn = 0 if self.rank == 0 else 1 if self.local_rank == 0 else 2
        for now in range(3 if self.size > 1 else 1):
            if now == turn:
                result = work()
            self.wait()
        return result

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.all(True)


ALONE = Group(rank=0, size=1, local_rank=0)


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """The group of the processes that torchrun started, of which this is one.

    Args:
        device: a CPU, or any GPU; this process takes the one of its own.
    """
    group = Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"]))
    if device.type == "cuda":
        torch.cuda.set_device(group.device(device))
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    yield group
    dist.destroy_process_group()  # after an error the others are gone, and there is nothing to agree on
