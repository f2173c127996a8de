"""Starting the processes of one training with torchrun, and one clear line where one of them fails."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch.distributed import DistError

from thaw.command import MACHINE
from thaw.errors import UserError
from thaw.params.schema import TrainParams
from thaw.training.device import choose_device
from thaw.training.distributed import FEWEST_AT_ONCE, Group, joined

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

ADDRESS = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
DOCUMENTED = "see docs/several-machines.md"
GOES_ON = "dvc repro goes on at the last epoch that was kept"
TOLD = f"{UserError.__name__}: "  # how torch records one
LOST = ("closed by peer", "reset by peer", "ncclRemoteError")  # of gloo and NCCL, where another process is gone
# torchrun ends by SIGTERM those that one process's end leaves behind, unless they failed before that
ORDER = ("killed", "told", "defect", "silent", "lost", "stopped")
PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


def is_worker() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "LOCAL_RANK" in os.environ


def launch(module: str, arguments: Sequence[str], settings: TrainParams) -> None:
    """Run ``module`` in this machine's processes, ``train.devices`` of them, and wait until they are done.

    Raises:
        UserError: there are too few GPUs or images, a machine's address is missing, or a process failed.
        KeyboardInterrupt: the user interrupted.
    """
    check_devices(settings)
    options = options_of(settings)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // settings.devices)))
    logging.disable()  # torchrun's own log, which is not for the user; this process only waits
    with tempfile.TemporaryDirectory() as logs:
        stopped = _run([*options, f"--log-dir={logs}", "--module", module, *arguments], settings)
    if stopped == signal.SIGINT:
        raise KeyboardInterrupt
    if stopped is not None:
        signal.signal(stopped, signal.SIG_DFL)
        signal.raise_signal(stopped)


def _run(arguments: list[str], settings: TrainParams) -> signal.Signals | None:
    """Run torchrun; returns the signal that ended it, if one did."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    try:
        torchrun.run(torchrun.parse_args(arguments))  # type: ignore[no-untyped-call]
    except ChildFailedError as failed:
        raise UserError(_told(failed.failures, settings.devices * settings.nodes)) from None
    except SignalException as stopped:
        return stopped.sigval
    except (RendezvousError, DistError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(f"the processes of this training did not find one another: {reason}; {DOCUMENTED}") from None
    return None


def check_devices(settings: TrainParams) -> None:
    """See that every process has a GPU of its own, where there are GPUs, and images.

    Raises:
        UserError: it has not.
    """
    if choose_device(settings.device).type == "cuda" and settings.devices > (found := torch.cuda.device_count()):
        raise UserError(f"train.devices: {settings.devices}, but torch finds {found} GPUs here; use {found} or fewer")
    processes = settings.devices * settings.nodes
    if settings.batch_size < (fewest := FEWEST_AT_ONCE * processes):
        raise UserError(
            f"train.batch_size: {settings.batch_size} is for all {processes} processes of train.devices and "
            f"train.nodes together; use {fewest} or more"
        )


def options_of(settings: TrainParams) -> list[str]:
    """What torchrun is told: how many processes, and where they meet.

    Raises:
        UserError: there are several machines, and the environment does not say where they meet.
    """
    options = ["--standalone", "--local-addr=localhost"]
    if settings.nodes > 1:
        missing = [name for name in ADDRESS if not os.environ.get(name)]
        if missing:
            names = ", ".join(missing)
            raise UserError(f"train.nodes: {settings.nodes}, but {names} is not in the environment; {DOCUMENTED}")
        address, port, node = (os.environ[name] for name in ADDRESS)
        options = [f"--nnodes={settings.nodes}", f"--node-rank={node}"]
        options += [f"--master-addr={address}", f"--master-port={port}"]
    return [*options, f"--nproc-per-node={settings.devices}"]


def _told(failures: Mapping[int, ProcessFailure], processes: int) -> str:
    """One line for the failure that was the reason of the others; of a defect of thaw also its traceback."""
    rank, failure = min(failures.items(), key=lambda item: (ORDER.index(_kind(item[1])), item[0]))
    kind, code = _kind(failure), failure.exitcode
    if kind == "told":
        return _recorded(failure).removeprefix(TOLD)
    if kind == "defect":
        sys.stderr.write(failure.error_file_data["message"]["extraInfo"]["py_callstack"])
    how = f"ended by {failure.signal_name()}" if code < 0 else f"ended with exit code {code}"
    if kind == "lost":
        how = "lost the connection to another one (if that was on another machine, that one says why)"
    memory = " (as the system does where memory runs out)" if code == -signal.SIGKILL else ""
    return f"process {rank + 1} of {processes} {how}{memory}, and with it the whole training ended; {GOES_ON}"


def _kind(failure: ProcessFailure) -> str:
    text = _recorded(failure)
    if failure.exitcode < 0:
        return "stopped" if failure.exitcode == -signal.SIGTERM else "killed"
    if text.startswith(TOLD):
        return "told"
    if any(part in text for part in LOST):
        return "lost"
    return "defect" if text else "silent"


def _recorded(failure: ProcessFailure) -> str:
    """The error that a process left; empty where it left none."""
    message = failure.error_file_data["message"]
    return str(message["message"]) if isinstance(message, dict) else ""


def work(device: torch.device, train: Callable[[Group], None]) -> None:
    """Train as one of the processes that ``launch`` started, of which the first one alone is heard.

    An error ends this process, and ``launch`` tells it.
    """
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    if sys.platform == "linux":  # otherwise nobody would end this process where torchrun itself is killed
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ["RANK"] != "0":
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    try:
        with joined(device) as group:
            train(group)
    except BaseException as error:
        get_error_handler().record_exception(_for_the_user(error))
        sys.stdout.flush()
        sys.stderr.flush()
        # an ordinary exit would wait for processes that wait for this one
        os._exit(2 if isinstance(error, UserError) else 1)


def _for_the_user(error: BaseException) -> BaseException:
    if isinstance(error, UserError):
        return UserError(str(error))
    if isinstance(error, OSError) and error.errno in MACHINE:
        return UserError(f"{error.filename or 'writing'}: {error.strerror}")
    return error
