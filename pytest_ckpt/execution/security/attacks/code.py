"""Files that run code when they are loaded. The code creates a folder that should not exist, and does nothing else.

Known by their bytes alone: pickles, arrays of objects, JSON that names modules and functions, and whatever can hold a pickle.
"""

from __future__ import annotations

import base64
import marshal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ....filetypes import FileType, ParseError, json_header, json_text, msgpack, npy, pickle
from ....filetypes import zip as zip_archive
from ...snapshot import Snapshot
from . import code_as_text, hdf5
from .base import UNWANTED, Attack, Host, Site, aim, hosts, put

#: Calls that run code, by the name that a list of forbidden names must contain: module, name and argument.
_CALLED: dict[str, Callable[[Site], tuple[str, str, str]]] = {
    "os.mkdir": lambda site: ("os", "mkdir", site.canary),
    "posix.mkdir": lambda site: ("posix", "mkdir", site.canary),
    "builtins.exec": lambda site: ("builtins", "exec", f"import os; os.mkdir({site.canary!r})"),
    "builtins.eval": lambda site: ("builtins", "eval", f"__import__('os').mkdir({site.canary!r})"),
    "subprocess.getoutput": lambda site: ("subprocess", "getoutput", f"mkdir '{site.canary}'"),
}
_PLAINLY, _BY_STACK = "GLOBAL and REDUCE", "STACK_GLOBAL and REDUCE"
#: Names of a dtype in text headers.
_TYPES = ("float32", "<f4", "F32")


def attacks(snapshot: Snapshot, other: Snapshot | None) -> Iterator[Attack]:
    """Yield replacements of every file by a pickle, an object array or an archive, and code inside the existing content."""
    for host in hosts(snapshot):
        yield from _in_place(host)
        yield from code_as_text.in_text(host)
        yield from code_as_text.in_header(host)
        if host.filetype in (None, FileType.JSON_HEADER):
            yield from code_as_text.between(host)
        if host.filetype in _WITHIN:
            yield from _WITHIN[host.filetype](host)


def _in_place(host: Host) -> Iterator[Attack]:
    for called in ("os.mkdir", "builtins.exec"):
        yield aim(f"a pickle that calls {called}, in its place", host, _pickle, called)
    if not host.member:
        yield aim("an array of objects, in its place", host, _objects)
        yield aim("a zip archive of pickles and arrays of objects, in its place", host, _archive)


def _pickle(site: Site, called: str = "os.mkdir", way: str = _PLAINLY) -> bytes:
    return pickle.build_call(way, *_CALLED[called](site))


def _objects(site: Site, descr: Any = "|O") -> bytes:
    return npy.build({"descr": descr, "fortran_order": False, "shape": (1,)}, _pickle(site))


def _archive(site: Site) -> bytes:
    return zip_archive.build([("archive/data.pkl", _pickle(site)), ("x.npy", _objects(site))])


def _within_pickle(host: Host) -> Iterator[Attack]:
    """Yield calls in front of the pickle, which is loaded afterwards, and calls through modules that it imports itself."""
    ways = [(called, _PLAINLY) for called in _CALLED] + [("os.mkdir", way) for way in pickle.CALLS if way != _PLAINLY]
    for called, way in ways:
        yield aim(f"a call of {called} ({way}) in front of the pickle", host, _before, host.data, called, way)
    for module, route in _routes(host.data):
        yield aim(f"a call of {module}.{route} in front of the pickle", host, _before_by_route, host.data, module, route)


def _before(site: Site, honest: bytes, called: str, way: str) -> bytes:
    return pickle.prepend_call(_pickle(site, called, way), honest)


def _before_by_route(site: Site, honest: bytes, module: str, route: str) -> bytes:
    return pickle.prepend_call(pickle.build_call(_BY_STACK, module, route, site.canary), honest)


def _routes(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield each module that a pickle names, with a dotted name in it that leads to `os.mkdir` through its imports."""
    names = [argument for name, argument, _ in pickle.opcodes(data) if name == "GLOBAL"]
    for module in dict.fromkeys(str(name).split(" ")[0] for name in names):
        found = sys.modules.get(module)
        if found is not None and (route := _route(found)) is not None:
            yield module, route


def _route(module: ModuleType, depth: int = 2) -> str | None:
    inner = [(name, value) for name, value in sorted(vars(module).items()) if isinstance(value, ModuleType)]
    for name, value in inner:
        if value.__name__ in ("os", "posix"):
            return f"{name}.mkdir"
    for name, value in inner if depth > 1 else ():
        if (route := _route(value, depth - 1)) is not None:
            return f"{name}.{route}"
    return None


def _within_npy(host: Host) -> Iterator[Attack]:
    yield aim("an array of objects", host, _objects)
    yield aim("an array of records with objects", host, _objects, [("a", "|O")])


def _within_json(host: Host) -> Iterator[Attack]:
    yield from _named_code(host, json_text.parse(host.data), json_text.build)
    yield from code_as_text.within_json(host)


def _within_json_header(host: Host) -> Iterator[Attack]:
    parts = json_header.parse(host.data)
    yield from _named_code(host, parts.header, parts.with_header)
    yield from code_as_text.within_json_header(host)


def _named_code(host: Host, document: Any, write: Callable[[Any], bytes]) -> Iterator[Attack]:
    """Yield JSON that names another module, describes an object with code, or names the dtype "object"."""
    for path, value in json_text.nodes(document):
        if isinstance(value, str) and path and (path[-1] == "module" or ("." in value and value in sys.modules)):
            changed = json_text.replace(_unregistered(document, path[:-1]), path, UNWANTED)
            yield put(f"the module {UNWANTED} for {value!r}", host, write, changed)
        if isinstance(value, dict) and {"class_name", "config"} <= value.keys():
            way = f"a layer with marshalled code for the class {value['class_name']!r}"
            yield aim(way, host, _with_marshalled, document, path, write)
        if isinstance(value, str) and value in _TYPES:
            way = f"the type 'object' for {value!r} at {json_text.describe_path(path)}"
            yield put(way, host, write, json_text.replace(document, path, "object"))


def _unregistered(document: Any, path: tuple[Any, ...]) -> Any:
    """Return the document without the registered name of an object, so that its module must be imported."""
    node = json_text.value_at(document, path)
    if isinstance(node, dict) and "registered_name" in node:
        return json_text.replace(document, path, {**node, "registered_name": None})
    return document


def _with_marshalled(site: Site, document: Any, path: tuple[Any, ...], write: Callable[[Any], bytes]) -> bytes:
    return write(json_text.replace(document, path, _marshalled(site)))


def _marshalled(site: Site) -> Any:
    """Return a network with a lambda layer, as Keras writes it."""
    text = f"lambda x: (__import__('os').makedirs({site.canary!r}, exist_ok=True), x)[1]"
    code = base64.b64encode(marshal.dumps(eval(text).__code__)).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}

    def layer(kind: str, **config: Any) -> Any:
        return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}

    first = layer("InputLayer", batch_shape=[None, 2], dtype="float32", name="first")
    layers = [first, layer("Lambda", name="second", function=function, arguments={})]
    config = {"name": "s", "trainable": True, "dtype": "float32", "layers": layers, "build_input_shape": [None, 2]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def _within_msgpack(host: Host) -> Iterator[Attack]:
    """Yield a pickle in every place that holds bytes, and the dtype "object" where these name a dtype."""
    for item in msgpack.parse(host.data):
        if item.kind not in ("bin", "ext"):
            continue
        where = f"the {item.kind} at byte {item.position}"
        yield aim(f"a pickle as the content of {where}", host, _with_pickle, host.data, item)
        content = host.data[item.start : item.stop]
        try:
            inner = msgpack.parse(content)
        except ParseError:
            continue
        for each in inner:
            if each.kind == "str" and content[each.start : each.stop].decode(errors="replace") in _TYPES:
                made = msgpack.with_content(content, each, b"object")
                yield put(f"the type 'object' in {where}", host, msgpack.with_content, host.data, item, made)


def _with_pickle(site: Site, data: bytes, item: msgpack.Item) -> bytes:
    return msgpack.with_content(data, item, _pickle(site))


def _within_hdf5(host: Host) -> Iterator[Attack]:
    if hdf5.available():
        yield aim("pickles as datasets and attributes", host, _with_pickles, host.data)


def _with_pickles(site: Site, data: bytes) -> bytes:
    return hdf5.with_bytes(data, _pickle(site))


#: The code that a file of each type can contain.
_WITHIN: dict[FileType | None, Callable[[Host], Iterator[Attack]]] = {
    FileType.PICKLE: _within_pickle,
    FileType.NPY: _within_npy,
    FileType.JSON: _within_json,
    FileType.JSON_HEADER: _within_json_header,
    FileType.MSGPACK: _within_msgpack,
    FileType.HDF5: _within_hdf5,
}
