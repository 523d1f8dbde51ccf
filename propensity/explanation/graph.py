"""Reads what a model.onnx computes: its nodes with their attributes, so that what is explained is what is served.

The `onnx` package is not in the serving image. protobuf is, because ONNX Runtime needs it, and a model file is a
protobuf message: the few fields wanted here are declared below by their numbers in onnx.proto, and the rest is skipped.
"""

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from propensity.errors import BrokenBundle

_PACKAGE: Final = "propensity.explanation"
_FIELDS: Final = {
    "Model": [("graph", 7, "Graph", False)],
    "Graph": [("node", 1, "Node", True)],
    "Node": [("op_type", 4, "STRING", False), ("attribute", 5, "Attribute", True)],
    "Attribute": [
        ("name", 1, "STRING", False),
        ("floats", 7, "FLOAT", True),
        ("ints", 8, "INT64", True),
        ("strings", 9, "BYTES", True),
    ],
}
"""Message: its fields as name, number, type, whether there may be many."""


class Node(NamedTuple):
    """One operation of the model."""

    kind: str
    """Such as `TreeEnsembleClassifier`."""
    floats: dict[str, NDArray[np.float32]]
    ints: dict[str, NDArray[np.int64]]
    texts: dict[str, list[bytes]]


def nodes_of(onnx: bytes) -> list[Node]:
    """Return a model's operations in order; BrokenBundle where the bytes are no model."""
    try:
        model = _message().FromString(onnx)
    except DecodeError as error:
        raise BrokenBundle(
            f"The bundle's model.onnx can't be read: {error}. Train the version again."
        ) from error
    return [_node(one) for one in model.graph.node]


def _node(message: Any) -> Node:
    given = {attribute.name: attribute for attribute in message.attribute}
    return Node(
        kind=message.op_type,
        floats={name: np.array(one.floats, dtype=np.float32) for name, one in given.items() if one.floats},
        ints={name: np.array(one.ints, dtype=np.int64) for name, one in given.items() if one.ints},
        texts={name: list(one.strings) for name, one in given.items() if one.strings},
    )


@cache
def _message() -> Any:
    """Return the class of a model's message, in a pool of its own: the onnx package may be loaded as well."""
    file = descriptor_pb2.FileDescriptorProto(name="graph.proto", package=_PACKAGE)
    for message, fields in _FIELDS.items():
        declared = file.message_type.add(name=message)
        for name, number, kind, many in fields:
            declared.field.add(name=name, number=number, **_typed(kind, many=many))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Model"))


def _typed(kind: str, *, many: bool) -> dict[str, Any]:
    field = descriptor_pb2.FieldDescriptorProto
    label = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
    if kind in _FIELDS:
        return {"label": label, "type": field.TYPE_MESSAGE, "type_name": f".{_PACKAGE}.{kind}"}
    return {"label": label, "type": getattr(field, f"TYPE_{kind}")}
