"""Which weight files count, whether they are whole, their digests and their number of parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provcheck.errors import BrokenModel, UnsafeModel, UnsupportedModel
from provcheck.io.safetensors import Header, HeaderFault, read_header
from provcheck.io.text import clean
from provcheck.targets import gguf
from provcheck.targets.model_files import Place, digest, read_json, unreadable
from provcheck.targets.ranged_files import RangedFile, RangedTensors
from provcheck.targets.sizes import Extent
from provcheck.targets.target import FindOptions
from provcheck.types import FileDigest

Format = Literal["safetensors", "pickle", "gguf"]

INDEX = ".index.json"
OTHER_FORMATS = (".onnx", ".h5", ".msgpack", ".ckpt", ".pt", ".pth", ".bin", ".safetensors")


@dataclass(frozen=True)
class Layout:
    """Names of weight files; with `.index.json` appended, the name of the list of shards."""

    safetensors: str
    pickle: str
    shards: bool = True


MODEL = Layout("model.safetensors", "pytorch_model.bin")
ADAPTER = Layout("adapter_model.safetensors", "adapter_model.bin", shards=False)
"""peft reads no shards: where the one file is missing, it asks the Hub."""


@dataclass(frozen=True)
class Weights:
    """The weight files. `parameters` is None for pickles, which are not opened here; `extent` for GGUF files too.

    `partial`: the tensors, if files were not read whole; these have no digest.
    """

    format: Format
    files: tuple[FileDigest, ...]
    parameters: int | None
    extent: Extent | None = None
    partial: RangedTensors | None = None

    @property
    def digest(self) -> str | None:
        """See `combine`."""
        return combine(self.files)


def read_weights(place: Place, layout: Layout, options: FindOptions, *, in_part: bool = False) -> Weights:
    """Choose, fetch, check and digest the weight files, in the order in which transformers would choose them.

    `in_part`: of safetensors that would come from the network, only the headers are fetched.
    """
    weight_format, names = _choose(place, layout, allow_pickle=options.allow_pickle)
    ranged = _ranged(place, names, options) if in_part and weight_format == "safetensors" else {}
    if whole := set(names) - ranged.keys():
        place.fetch(whole)
    paths = [ranged[name].path if name in ranged else place.folder / name for name in names]
    parameters, extent = None, None  # a broken header is found before terabytes are digested
    if weight_format == "safetensors":
        headers = {path: _header(path) for path in paths}
        parameters, extent = sum(map(_elements, headers.values())), Extent.of(_shapes(headers.values()))
        if len(headers) > 1:
            _check_shards(headers, _weight_map(place, layout.safetensors + INDEX))
    elif weight_format == "gguf":
        parameters = sum(map(gguf.count_elements, paths))
    files = tuple(ranged[path.name].stated if path.name in ranged else digest(path) for path in paths)
    partial = RangedTensors(paths, ranged.values()) if ranged else None
    return Weights(weight_format, files, parameters, extent, partial)


def _ranged(place: Place, names: Iterable[str], options: FindOptions) -> dict[str, RangedFile]:
    found = {name: place.open_ranged(name, options.may_keep) for name in names}
    return {name: file for name, file in found.items() if file is not None}


def count_elements(path: Path) -> int:
    """Number of elements of all tensors in a safetensors file; BrokenModel if the file is not whole."""
    return _elements(_header(path))


def _elements(header: Header) -> int:
    return sum(entry.elements for entry in header.entries.values())


def _shapes(headers: Iterable[Header]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(entry.shape) for header in headers for name, entry in header.entries.items()}


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except HeaderFault as fault:
        raise BrokenModel(f"{path.name}: {fault}", fault.hint) from fault


def is_gguf(place: Place) -> bool:
    """Whether the weights are in a GGUF file, because there are no others."""
    others = _files(place, MODEL, MODEL.safetensors) or _files(place, MODEL, MODEL.pickle)
    return not others and gguf.choose_gguf(place) is not None


def combine(files: Sequence[FileDigest], base_digest: str | None = None) -> str | None:
    """sha256 over the sorted names and digests, for an adapter also over its base's digest; lines as in sha256sum.

    None where a file has no digest.
    """
    if any(file.sha256 is None for file in files):
        return None
    lines = sorted(f"{file.sha256}  {file.name}\n" for file in files)
    if base_digest is not None:
        lines.append(f"{base_digest}  base\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _choose(place: Place, layout: Layout, *, allow_pickle: bool) -> tuple[Format, tuple[str, ...]]:
    if names := _files(place, layout, layout.safetensors):
        return "safetensors", names
    names = _files(place, layout, layout.pickle)
    if not names and layout is MODEL and (found := gguf.choose_gguf(place)):
        return "gguf", (found,)
    if not names:
        raise _no_weights(place, layout)
    if not allow_pickle:
        raise UnsafeModel(
            f"{place.id} has no safetensors, only pickled weights ({names[0]})",
            "A pickle can run code when it is loaded. Convert it to safetensors, or take the risk with --allow-pickle.",
        )
    return "pickle", names


def _files(place: Place, layout: Layout, name: str) -> tuple[str, ...]:
    """The one file of that name, or the shards that its index lists, or nothing."""
    if name in place.names:
        return (name,)
    return _shards(place, name + INDEX) if layout.shards and name + INDEX in place.names else ()


def _weight_map(place: Place, index: str) -> dict[str, Any]:
    weight_map = read_json(place.folder / index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BrokenModel(f"{index} has no weight_map", "Fetch the file again from where it came.")
    return weight_map


def _check_shards(headers: Mapping[Path, Header], weight_map: dict[str, Any]) -> None:
    """Refuse a tensor that two shards hold, or another shard than the index names: it is not clear which one counts.

    transformers reads every tensor of every shard, other programs only those that the index names.
    """
    places: dict[str, str] = {}
    for path, header in headers.items():
        for tensor in header.entries:
            other = places.setdefault(tensor, weight_map.get(tensor, path.name))
            if other != path.name:
                raise BrokenModel(
                    f"it is not clear which tensor {tensor[:80]!a} counts: {path.name} holds one, but the index or "
                    f"another shard has it in {other}",
                    "Fetch all shards and their index again, or save the model anew.",
                )


def _shards(place: Place, index: str) -> tuple[str, ...]:
    weight_map = _weight_map(place, index)
    suffix = Path(index.removesuffix(INDEX)).suffix
    for shard in weight_map.values():
        if not isinstance(shard, str) or not _is_plain(shard) or not shard.endswith(suffix):
            raise BrokenModel(f"{index} names {str(shard)[:80]!a}, which is no {suffix} file of this folder")
        if shard not in place.names:
            raise BrokenModel(f"{shard[:80]!a} is missing, though {index} names it", "Fetch all shards of the model.")
    return tuple(sorted(set(weight_map.values())))


def _is_plain(name: str) -> bool:
    """A file of this folder, printable on one line."""
    return clean(name) == name and "/" not in name and "\\" not in name


def _no_weights(place: Place, layout: Layout) -> BrokenModel | UnsupportedModel:
    needed = layout.safetensors
    others = sorted(name for name in place.names if name.endswith(OTHER_FORMATS))
    if others:
        return UnsupportedModel(
            f"{place.id} has no weights that can be read, only {others[0][:80]!a}",
            f"Needed is {needed}" + (f", or {needed}{INDEX} with its shards." if layout.shards else ", in one file."),
        )
    return BrokenModel(f"{place.id} has no weights", f"Needed is {needed} beside its config.")
