"""A place in the cloud that fails when it is told to; files are kept in memory."""

from __future__ import annotations

from typing import Any, ClassVar

from fsspec.implementations.memory import MemoryFileSystem


class Cloud(MemoryFileSystem):  # type: ignore[misc]
    """`failures`: what the next requests raise, one each; None lets one through. Then all succeed."""

    protocol = "cloud"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    failures: ClassVar[list[Exception | None]] = []
    requests: ClassVar[list[str]] = []

    @classmethod
    def reset(cls) -> None:
        for kept in (cls.store, cls.failures, cls.requests):
            kept.clear()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("cloud://").strip("/")

    def open(self, path: str, *arguments: Any, **keywords: Any) -> Any:
        self._ask(f"get {path}")
        return super().open(path, *arguments, **keywords)

    def info(self, path: str, **keywords: Any) -> Any:
        self._ask(f"head {path}")
        return super().info(path, **keywords)

    def pipe_file(self, path: str, value: bytes, **keywords: Any) -> None:
        self._ask(f"put {path}")
        with super().open(path, "wb") as file:
            file.write(value)

    def _ask(self, request: str) -> None:
        self.requests.append(request)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
