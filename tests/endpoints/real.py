"""Real servers, each a process of its own on a free port: llama-cpp-python's, and llama.cpp's own out of xllamacpp.

`make servers` installs them. Where that failed, as without a C++ compiler, the tests that need them are skipped.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.endpoints.recording import saved
from tests.tiny_gguf import convert

START_SECONDS = 120

NATIVE = """
import sys, xllamacpp
how = xllamacpp.CommonParams()
how.model.path, how.port, how.n_ctx, how.n_parallel, how.warmup = sys.argv[1], int(sys.argv[2]), 1024, 1, False
server = xllamacpp.Server(how)
sys.stdin.read()
"""


def need(package: str, name: str) -> None:
    """Skip the test where a server is not installed."""
    if find_spec(package) is None:
        pytest.skip(f"{name} is not installed: `make servers` does it (with a C++ compiler, and about five minutes)")


@contextmanager
def llama_cpp_python(gguf: Path, *options: str) -> Iterator[str]:
    """llama-cpp-python's server over a GGUF file; the endpoint as a user would write it."""
    need("llama_cpp", "llama-cpp-python")
    common = ["--model", str(gguf), "--n_ctx", "1024", "--n_threads", "1", "--verbose", "false", *options]
    with _started(lambda port: [sys.executable, "-m", "llama_cpp.server", "--port", str(port), *common]) as address:
        yield address


@contextmanager
def llama_cpp(gguf: Path) -> Iterator[str]:
    """llama.cpp's own server over a GGUF file."""
    need("xllamacpp", "xllamacpp")
    with _started(lambda port: [sys.executable, "-c", NATIVE, str(gguf), str(port)]) as address:
        yield address


def gguf_of(folder: Path, path: Path, kind: str = "F32") -> Path:
    """A llama of Hugging Face's form as GGUF."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    return convert(path, model, AutoTokenizer.from_pretrained(folder), kind)


def tiny_gguf_of(folder: Path, kind: str = "F32", **how: Any) -> tuple[Path, Path]:
    """A tiny model as folder and as GGUF."""
    model = saved(folder / "tiny", **how)
    return model, gguf_of(model, folder / "tiny.gguf", kind)


@contextmanager
def _started(command: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    arguments: Sequence[str] = command(port)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as process:
        try:
            _wait(process, port)
            yield f"http://127.0.0.1:{port}/v1#tiny"
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/v1/models", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start (exit code {process.poll()})")
