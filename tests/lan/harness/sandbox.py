"""A private world for the whole run: own process ids, own mounts, own (empty) network.

Every namespace, process and file that a scenario makes exists only in here. When the run ends, in
whatever way (SIGKILL included), the kernel ends the init process below, with it every process,
with those the last user of every mount and network namespace: nothing can be left behind, and no
datagram can ever reach a network of the machine.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID = 0x00020000, 0x40000000, 0x20000000
MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x4000, 1 << 18, 2, 4
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    """A libc function that answers 0, or OSError."""
    if getattr(libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def mount(source, target, kind, flags, data=None):
    call("mount", source.encode(), target.encode(), kind and kind.encode(), flags,
         data and data.encode())


def enter(body):
    """Runs body() in the private world and returns its exit code."""
    call("unshare", CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID)
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        leave(init, ours, body)
    return stand_by(child)


def leave(function, *arguments):
    """Ends this process with the code that the function returns, whatever it raises."""
    try:
        code = function(*arguments)
    except BaseException:
        import traceback
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def init(parent, body):
    """Process 1 of the private world: mounts, then collects whatever ends until the run ends."""
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.environ["HOME"] = "/run/home"
    os.mkdir("/run/home")
    run = os.fork()
    if run == 0:
        leave(body)
    return stand_by(run)


def stand_by(child):
    """Hands the signals that ask for an end to the child, reaps orphans, returns its exit code."""
    asked = []

    def forward(number, _frame):
        # A second request does not wait for an orderly end.
        os.kill(child, signal.SIGKILL if len(asked) > 1 else signal.SIGTERM)
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1
