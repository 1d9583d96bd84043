"""A SLURM of two nodes on this machine, in its own folder, hidden from other SLURMs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import processes

# Debian keeps the daemons where only root looks for commands.
PATHS = (str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/sbin")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "setpriv")
SECONDS = 150
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

CONFIG = """
ClusterName=jaxcmp-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until its old credential has expired: two minutes, if not told otherwise.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# Four CPUs on each node, however many there are.
SlurmdParameters=config_overrides
KillWait=30
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 State=UNKNOWN
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 State=UNKNOWN
PartitionName=usual Nodes=ALL Default=YES State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL State=UP PriorityTier=2
"""


def reason_to_skip() -> str | None:
    """Says why no SLURM can be started here; None if it can."""
    path = os.pathsep.join(PATHS)
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        return f"SLURM is not installed: there is no {', '.join(missing)}"
    return None if os.geteuid() == 0 else "only root can bring up a SLURM"


class Slurm:
    """The commands of this SLURM, in an environment that leads to no other."""

    def __init__(self, folder: Path):
        self.folder = folder
        quick = processes.environment()
        own = ("SLURM", "SBATCH", "SRUN", "SCANCEL")
        self.environment = {k: v for k, v in quick.items() if not k.startswith(own)}
        self.environment |= {
            "PATH": os.pathsep.join(PATHS),
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PYTHONPATH": str(processes.ROOT),
        }

    def command(self, *arguments: str | Path) -> str:
        """Returns the output of a command; fails if the command does."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        words = list(map(str, arguments))
        options = {"cwd": processes.ROOT, "env": self.environment, "timeout": 60}
        return subprocess.run(words, capture_output=True, text=True, **options)

    def submit(self, *arguments: str | Path) -> str:
        """Submits a job that writes its output into a file of that name; returns its number."""
        output = f"--output={self.folder}/job-%A_%a.out"
        return self.command("sbatch", "--parsable", output, *arguments).strip()

    def show(self, job: str) -> dict[str, str]:
        """Returns JobState, ExitCode, Restarts and all else that SLURM reports about a job."""
        words = self.command("scontrol", "show", "job", "--oneliner", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, job: str, *states: str) -> dict[str, str]:
        """Waits until a job is in one of these states; fails if it ends in another."""
        deadline = time.monotonic() + SECONDS
        while (state := (shown := self.show(job))["JobState"]) not in states:
            is_hopeless = state in ENDED or time.monotonic() > deadline
            assert not is_hopeless, f"{shown}\n{self.output()}"
            time.sleep(0.1)
        return shown

    def output(self, job: str = "*") -> str:
        """Returns the output of one or all jobs, and the end of the daemons' logs."""
        jobs = [path.read_text() for path in sorted(self.folder.glob(f"job-{job}_*.out"))]
        logs = [path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log"))]
        return "\n".join([*jobs, *logs])


def process_of(job: str, *, rank: int) -> int:
    """Returns the process id of a job's run."""
    wanted = {f"SLURM_JOB_ID={job}".encode(), f"SLURM_PROCID={rank}".encode()}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_run = b"jaxcmp.main" in (folder / "cmdline").read_bytes().split(b"\0")
            if is_run and wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                return int(folder.name)
    raise ProcessLookupError(f"job {job} has no process {rank}")


@contextlib.contextmanager
def bring_up() -> Iterator[Slurm]:
    """Starts a SLURM, and stops it at the end of the block, its jobs first."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jaxcmp-slurm-")))
        # Munge serves no socket in a folder that others may not enter.
        folder.chmod(0o755)
        slurm = Slurm(folder)
        nodes = _configure(folder)
        names = {"key": "munge.key", "pid": "munged.pid", "seed": "munge.seed"}
        files = [f"--{name}-file={folder / file}" for name, file in names.items()]
        socket_file = f"--socket={folder}/munge.socket"
        stack.enter_context(_daemon(slurm, "munged", "--foreground", socket_file, *files))
        _wait_until((folder / "munge.socket").exists, slurm)
        stack.enter_context(_daemon(slurm, "slurmctld", "-D"))
        for node in nodes:
            stack.enter_context(_daemon(slurm, "slurmd", "-D", "-N", node))
        state = ("sinfo", "--noheader", "--format=%T")
        _wait_until(lambda: slurm.attempt(*state).stdout.split() in (["idle"], ["idle"] * 2), slurm)
        stack.callback(_end_jobs, slurm)
        yield slurm


def _configure(folder: Path) -> tuple[str, str]:
    """Writes the configuration and the key; returns the names of the nodes."""
    host = socket.gethostname().partition(".")[0]
    # The processes of a run meet at the job's first node by its name, so it is this machine's.
    nodes = (host, f"{host}-second")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    (folder / "state").mkdir()
    for node in nodes:
        (folder / f"spool-{node}").mkdir()
    config = CONFIG.format(folder=folder, host=host, nodes=nodes, ports=_free_ports(3))
    (folder / "slurm.conf").write_text(config)
    return nodes


@contextlib.contextmanager
def _daemon(slurm: Slurm, *words: str) -> Iterator[None]:
    """Runs a process during the block; its output goes into its own file."""
    with (slurm.folder / f"{words[0]}-{words[-1]}.log".replace("/", "-")).open("wb") as log:
        process = subprocess.Popen(
            # Were the tests killed, the daemon would be left alone.
            ["setpriv", "--pdeathsig=TERM", *words],
            env=slurm.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C ends the tests first, and those end the daemons.
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_jobs(slurm: Slurm) -> None:
    slurm.attempt("scancel", "--signal=KILL", "--full", "--user=root")
    slurm.attempt("scancel", "--user=root")
    _wait_until(lambda: not slurm.attempt("squeue", "--noheader").stdout, slurm)


def _wait_until(is_met: Callable[[], bool], slurm: Slurm) -> None:
    deadline = time.monotonic() + 30
    while not is_met():
        assert time.monotonic() < deadline, slurm.output()
        time.sleep(0.1)


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
