"""JupyterLab in a headless Chromium, for tests that do with a widget what a person does.

The server runs on loopback in an empty folder with a token of its own; no request of the page leaves the machine,
and every one that tries is noted. Where there is no Chromium, the tests that need it are skipped and say so.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PICTURES = Path(__file__).with_name("artefacts")       # screenshots, to be looked at; not committed
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")
PATIENCE = 120                                         # seconds until something that should appear counts as missing
EMPTY = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5}
SERVER = {"ServerApp": {"open_browser": False, "allow_root": True, "ip": "127.0.0.1", "port_retries": 0,
                        "jpserver_extensions": {"jupyterlab": True, "jupyter_lsp": False, "jupyter_server_terminals": False}},
          "LabApp": {"expose_app_in_browser": True, "news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate"}}
# a cell that is out of sight would not be in the page
SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none"}, "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
RUN_CELL = """async code => {
    const app = window.jupyterapp, panel = app.shell.currentWidget;
    await panel.sessionContext.ready;
    panel.content.activeCellIndex = panel.content.widgets.length - 1;
    await app.commands.execute("notebook:insert-cell-below");
    const index = panel.content.activeCellIndex;
    panel.content.activeCell.model.sharedModel.setSource(code);
    await app.commands.execute("notebook:run-cell");
    return index;
}"""


def chromium() -> str | None:
    """The program, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)

RUN_ALL = """async path => {
    const app = window.jupyterapp, panel = await app.commands.execute("docmanager:open", {path, factory: "Notebook"});
    await panel.context.ready;
    await panel.sessionContext.ready;
    app.shell.activateById(panel.id);
    await app.commands.execute("notebook:run-all-cells");
}"""


class Lab:
    """One notebook, open in the browser."""

    def __init__(self, page, home: str, work: Path):
        self.page, self.home, self.work = page, home, work     # work: the folder that the server shows
        self.left, self.dialogs = [], []               # addresses elsewhere that the page asked for; texts of dialogs

    def open(self, token: str) -> None:
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.route("**/*", self._allow)
        self.page.goto(f"{self.home}/lab/tree/lesson.ipynb?token={token}", timeout=PATIENCE * 1000)
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=PATIENCE * 1000)
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
                                    timeout=PATIENCE * 1000)

    def _allow(self, route) -> None:
        if route.request.url.startswith((f"{self.home}/", "data:", "blob:")):
            return route.continue_()
        self.left.append(route.request.url)
        route.abort()

    def run_cell(self, code: str):
        """Run it in a new last cell to its end. Its outputs, as a locator of the page; an error in it is the test's."""
        index = self.page.evaluate(RUN_CELL, code)
        outputs = self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")
        failed = outputs.locator("[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']")
        if failed.count() and "Error" in failed.first.inner_text():
            raise AssertionError(failed.first.inner_text())
        outputs.scroll_into_view_if_needed()
        return outputs

    def run_lesson(self, path: Path):
        """Opens a copy of a lesson beside a link to the course, as a reader does, and runs all its cells; the open notebook, as a locator."""
        (self.work / path.name).write_bytes(path.read_bytes())
        if not (self.work / "course").exists():
            (self.work / "course").symlink_to(ROOT, target_is_directory=True)
        self.page.evaluate(RUN_ALL, path.name)
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def screenshot(self, name: str, place=None) -> Path:
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{name}.png"
        (place or self.page).screenshot(path=path)
        return path

    def harmed(self) -> list[str]:
        """What a hostile text has done to the page: nothing."""
        done = ["a script ran"] * (self.page.evaluate("() => window.ran !== undefined"))
        return done + [f"a dialog said {text!r}" for text in self.dialogs] + [f"the page asked for {address}" for address in self.left]


@contextmanager
def jupyterlab(folder: Path):
    """(address, token) of a JupyterLab that serves one empty notebook from ``folder``; it is gone afterwards."""
    places = {name: folder / name.lower() for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
                                                       "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "work")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["JUPYTER_CONFIG_DIR"] / "jupyter_server_config.json").write_text(json.dumps(SERVER))
    for name, values in SETTINGS.items():
        file = places["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    (places["work"] / "lesson.ipynb").write_text(json.dumps(EMPTY))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **{name: str(place) for name, place in places.items() if name.isupper()},
                   "JUPYTER_TOKEN": token, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", f"--ServerApp.root_dir={places['work']}"],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=places["work"])
    try:
        home = f"http://127.0.0.1:{port}"
        _await(server, f"{home}/api", folder / "server.log")
        yield home, token
    finally:
        server.terminate()                             # which ends its kernels too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _await(server, address: str, log: Path) -> None:
    for _ in range(PATIENCE * 4):
        if server.poll() is not None:
            break
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@contextmanager
def lab(folder: Path):
    """A Lab in ``folder``. Skips the test where there is no Chromium."""
    program = chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome on this machine (Debian and Ubuntu: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with jupyterlab(folder) as (home, token), sync_playwright() as play:
        context = play.chromium.launch_persistent_context(folder / "browser", executable_path=program, args=list(FLAGS), headless=True,
                                                          viewport={"width": 1300, "height": 1000})
        context.set_default_timeout(PATIENCE * 1000)
        lab = Lab(context.pages[0], home, folder / "work")
        lab.open(token)
        yield lab
        context.close()
