"""Sets this course up and starts it. Python 3.10 to 3.13 is all it needs.

    python course.py run      make a LLaVA of your own and see its answers
    python course.py test     pass every test and every notebook
    python course.py lab      open the lessons in JupyterLab
    python course.py setup    only prepare, say before a journey without network

The first call makes the folder .venv beside this file and installs the pinned packages of
requirements/ into it. Later calls find it ready and start at once. What follows the command is
handed on to the program behind it, as in `python course.py test -k mask`.
"""

import errno
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STATE = VENV / "course-state"           # the fingerprint of what is installed, or UNFINISHED
UNFINISHED, EMPTY = "unfinished", "empty"
INSTALLING = "Installing collected packages:"  # pip's line between fetching everything and touching anything
LOG = VENV / "setup.log"                # what pip said last time
OLDEST, NEWEST = (3, 10), (3, 13)       # Python versions; pyproject.toml says the same
REQUIREMENTS = ("requirements/core.txt", "requirements/dev.txt", "requirements/lock.txt")
SPACE = 3_000_000_000                   # bytes: the installed CPU packages and room to unpack them

# command: what it does, and the arguments of the Python that does it (None: nothing to start)
COMMANDS = {
    "run": ("make a LLaVA of your own and see its answers", ["-m", "llava_mini.main"]),
    "test": ("pass every test and every notebook", ["-m", "pytest"]),
    "lab": ("open the lessons in JupyterLab", ["-m", "jupyterlab", "--LabApp.default_url=/lab/tree/notebooks"]),
    "setup": ("only prepare, say before a journey without network", None),
}
# Of all the tests: the lessons in one process and the others in a second, see conftest.py. Some tests alone start sooner without.
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]

# What pip prints when something outside this project is amiss, and the sentence that says it.
# The first match counts: without a network pip also says that nothing matches.
TROUBLES = (
    (r"No space left on device|Errno 28|WinError 112|not enough space on the disk",
     "The disk is full: free some space (3 GB; more where torch brings its CUDA libraries) and call again."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
     "The package index's certificate was not accepted: tell pip about your network's certificates "
     "(PIP_CERT=file) and call again."),
    (r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|getaddrinfo failed"
     r"|Network is unreachable|ConnectTimeoutError|Connection refused|ProxyError|Read timed out|ReadTimeoutError"
     r"|Connection aborted|ConnectionResetError",
     "The package index cannot be reached: check the network (or the proxy) and call again; "
     "only the set-up needs it."),
    (r"No matching distribution found for (?P<package>\S+)",
     "The package index has no {package} for this computer ({machine}): use a 64-bit Python 3.10 to 3.13 "
     "on Linux, Windows or a Mac with Apple silicon."),
    (r"Permission denied|Access is denied|Errno 13|WinError 5\b",
     "A file in .venv could not be written: close the programs that use .venv, see that the folder is yours, "
     "and call again."),
)


class Problem(Exception):
    """Something the user can put right; the message is one sentence that says how."""


def main(arguments):
    """Carries out one command line; returns the exit status."""
    if arguments and arguments[0] in COMMANDS:
        try:
            prepare()
            return start(arguments[0], arguments[1:])
        except Problem as problem:
            print(f"course.py: {problem}", file=sys.stderr)
        except OSError as error:
            print(f"course.py: {describe(error)}", file=sys.stderr)
        except KeyboardInterrupt:
            print("\ncourse.py: Stopped; the next call takes it up again.", file=sys.stderr)
        return 1
    asked = not arguments or arguments[0] in ("-h", "--help", "help")
    if not asked:
        print(f"course.py: There is no command {arguments[0]!r}; these are the commands.", file=sys.stderr)
    for name, (purpose, _) in COMMANDS.items():
        print(f"  python course.py {name:6} {purpose}", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


def prepare():
    """Makes .venv ready for use unless it is already."""
    if is_ready():
        return
    with one_at_a_time():
        if is_ready():  # the process we waited for has done it
            return
        began = time.monotonic()
        state = read_state()
        if VENV.exists() and (state == UNFINISHED or not works()):
            remove(state)
        if not VENV.exists():
            create()
        install()
        STATE.write_text(fingerprint())
        print(f"Ready after {time.monotonic() - began:.0f} s.", flush=True)


def is_ready():
    """True if the packages asked for today are installed and the Python among them runs."""
    return read_state() == fingerprint() and works()


def read_state():
    """The content of the state file; None without one."""
    return STATE.read_text().strip() if STATE.exists() else None


def fingerprint():
    """A digest of all requirement files; the same whatever the line ends."""
    digest = hashlib.sha256()
    for name in REQUIREMENTS:
        digest.update((ROOT / name).read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def works():
    """True if the Python of .venv starts, is a supported one and finds its own pip.

    It does not after an interrupted set-up, or when the Python that .venv leans on was removed or
    replaced by another version.
    """
    test = f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    try:
        return subprocess.run([venv_python(), "-c", test], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd=ROOT).returncode == 0
    except OSError:
        return False


def venv_python():
    """The path of the Python in .venv (not resolved: a resolved one would leave the environment)."""
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def remove(state):
    """Deletes a .venv that does not work, if this program made it."""
    if state is None and (VENV / "pyvenv.cfg").exists():
        raise Problem("The folder .venv was not made by course.py and holds no working Python 3.10 to 3.13 "
                      "with pip: move or delete .venv and call again.")
    print("The folder .venv is not complete; making it anew.", flush=True)
    shutil.rmtree(VENV)


def create():
    """Makes an empty .venv from the running Python."""
    check_python(sys.version_info)
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Problem(f"This Python has no {module} module: install it (on Debian and Ubuntu the package "
                          f"python{sys.version_info[0]}.{sys.version_info[1]}-venv) and call again.")
    free = shutil.disk_usage(ROOT).free
    if free < SPACE:
        raise Problem(f"The disk has {free / 1e9:.1f} GB free and the set-up needs {SPACE / 1e9:.0f} GB: "
                      "free some space and call again.")
    print("Setting up, this once: a virtual environment in .venv ...", flush=True)
    VENV.mkdir()
    STATE.write_text(UNFINISHED)
    base = getattr(sys, "_base_executable", None) or sys.executable  # not the .venv that is being replaced
    made = subprocess.run([base, "-m", "venv", str(VENV)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    LOG.write_bytes(made.stdout)
    if made.returncode or not works():
        raise Problem(trouble(made.stdout.decode(errors="replace"),
                              "The virtual environment could not be made"))
    STATE.write_text(EMPTY)


def check_python(version):
    """Raises Problem unless the version (major, minor, ...) is one this course supports."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise Problem(f"This is Python {version[0]}.{version[1]} and the course needs 3.{OLDEST[1]} to "
                      f"3.{NEWEST[1]}: install one of those and call it by its name, "
                      "for example python3.12 course.py run.")


def install():
    """Installs the pinned packages, and makes this folder importable from anywhere in .venv."""
    # -X utf8: a user's folder may have letters that the console's own encoding lacks
    answer = subprocess.run([venv_python(), "-X", "utf8", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                            stdout=subprocess.PIPE, encoding="utf-8", check=True)
    site = Path(answer.stdout.strip())
    command = [venv_python(), "-m", "pip", "install", "--no-user", "--no-input", "--disable-pip-version-check",
               "--progress-bar", "off", "-r", "requirements/dev.txt", "-c", "requirements/lock.txt"]
    pip = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}, encoding="utf-8",
                           errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    lines, before = [], read_state()
    if before is not None:  # else the user made this .venv, and it stays the user's until it is complete
        STATE.write_text(UNFINISHED)
    try:
        follow(pip, lines, site)
    finally:
        status = pip.wait()
        LOG.write_text("".join(lines), encoding="utf-8")
        if before is not None and not any(line.startswith(INSTALLING) for line in lines):
            STATE.write_text(before)  # as good as it was: without a network, say
    if status:
        raise Problem(trouble("".join(lines), "pip could not install the packages"))
    # Relative, so that it holds wherever this folder moves and whatever letters its path has.
    (site / "llava-mini.pth").write_text(os.path.relpath(ROOT, site) + "\n")


def follow(pip, lines, site):
    """Collects pip's output in `lines` and shows how far it is: in place in a terminal, else by stages."""
    reader = threading.Thread(target=lambda: lines.extend(pip.stdout), daemon=True)
    reader.start()
    last, width = None, 0
    try:
        while reader.is_alive():
            reader.join(0.3)
            stage, detail = progress(lines[:], site)
            if sys.stdout.isatty():
                text = f"{stage}: {detail}"
                print("\r" + text.ljust(width), end="", flush=True)
                width = len(text)
            elif stage != last:
                print(f"{stage} ...", flush=True)
            last = stage
    except BaseException:  # Ctrl-C, a closed terminal: pip must not go on alone
        pip.terminate()
        reader.join()
        raise
    if width:
        print()


def progress(lines, site):
    """How far pip is, from its output and from what lies in `site`: (stage, detail)."""
    installing = [line for line in lines if line.startswith(INSTALLING)]
    if installing:
        total = installing[-1].count(",") + 1
        return "Installing", f"{min(total, len(list(site.glob('*.dist-info'))))} of {total} packages"
    names = [re.split(r"[^\w.-]", line.split()[1])[0] for line in lines if line.startswith("Collecting ")]
    return "Fetching", f"{len(names)} packages, now {names[-1]}" if names else "the list of packages"


def trouble(output, otherwise):
    """One sentence for a failed step, read from its output."""
    for pattern, sentence in TROUBLES:
        found = re.search(pattern, output)
        if found:
            machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
            return sentence.format(machine=machine, **found.groupdict())
    return f"{otherwise}: the reason is at the end of {LOG.relative_to(ROOT)}."


def describe(error):
    """One sentence for an error of the operating system."""
    if error.errno == errno.ENOSPC:
        return TROUBLES[0][1]
    return (f"{error.strerror or error} ({error.filename or 'no file named'}): see that this folder is yours "
            "and that no other program uses .venv, then call again.")


@contextmanager
def one_at_a_time():
    """Holds back a second set-up of the same folder until the first is over, however it ends."""
    with open(ROOT / ".venv.lock", "w") as file:
        waiting = False
        while not lock(file):
            if not waiting:
                print("Another course.py is setting up this folder; waiting for it ...", flush=True)
            waiting = True
            time.sleep(1)
        yield


def lock(file):
    """Takes the lock on an open file, which the system frees with the process; False if another has it."""
    try:
        if os.name == "nt":
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # others: a disk without locks
    return True


def start(command, further):
    """Starts the program behind a command in .venv, as if that were activated; returns its exit status."""
    arguments = COMMANDS[command][1]
    if arguments is None:
        return 0
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV),
                   "PATH": os.path.dirname(venv_python()) + os.pathsep + os.environ.get("PATH", "")}
    if command == "test":
        environment.setdefault("HF_HUB_OFFLINE", "1")  # a test that asks the network fails at once
        further = further or SIDE_BY_SIDE
    line = [venv_python(), *arguments, *further]
    os.chdir(ROOT)
    if os.name != "nt":
        os.execve(line[0], line, environment)  # the program takes this one's place: signals and status are its own
    process = subprocess.Popen(line, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it reached the program too, which decides what to do
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
