"""Relative attention without the zeros: a rewrite of the text encoder that leaves its values as they are.

A phoneme attends to its neighbours with a learnt vector for each distance, up to 4 to each side (Shaw et al. 2018). The
export multiplies with those vectors padded by zeros to every distance there is, which grows with the square of the
text, and shifts the rows into place. Here the few vectors alone are multiplied; between distance and place the rows are
shifted as in the export, on fewer columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voicechat.tts.engines.piper.simpler import drop_unused

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_TO_PLACES = ("Pad", "Reshape", "Pad", "Reshape", "Slice")
"""What the export does to the products of every distance."""
_FROM_PLACES = ("Slice", "Reshape", "Pad", "Reshape", "Pad")
"""And to the weights of every place, from its end."""


def narrow_attention(graph: GraphProto, ids: str) -> int:
    """Multiply with the distances that have a vector. Returns how many products were found.

    Args:
        graph: Of the text part; changed in place.
        ids: Its input of shape (1, n).
    """
    rewriter = _Rewriter(graph, ids)
    found = sum([rewriter.narrow(node) for node in list(graph.node) if node.op_type == "MatMul"])
    drop_unused(graph)
    return found


class _Rewriter:
    def __init__(self, graph: GraphProto, ids: str) -> None:
        self._graph = graph
        self._ids = ids
        self._makers = {name: node for node in graph.node for name in node.output}
        self._vectors = {value.name: value for value in graph.initializer if len(value.dims) == 3}
        self._fresh: list[NodeProto] = []
        self._length = ""

    def narrow(self, matrix: NodeProto) -> bool:
        """Rewrite `matrix`, if it multiplies with padded vectors."""
        product, padded = matrix.output[0], matrix.input[1]
        if (vectors := self._padded(padded, "Transpose")) is not None:
            places = self._after(product)
            if places is not None:
                self._scores(matrix.input[0], vectors.T, places)
                self._put(self._makers[places])
                return True
        elif (vectors := self._padded(padded)) is not None:
            weights = self._before(matrix.input[0], _FROM_PLACES)
            if weights is not None:
                self._sums(weights, vectors, product)
                self._put(matrix)
                return True
        return False

    # --- finding

    def _padded(self, name: str, *outer: str) -> npt.NDArray[np.float32] | None:
        """The vectors, shape (distances, channels), that were padded to make `name`."""
        from onnx import numpy_helper

        source = self._before(name, (*outer, "Unsqueeze", "Slice", "Pad"))
        found = None if source is None else self._vectors.get(source)
        if found is None or found.dims[0] != 1 or found.dims[1] % 2 == 0:
            return None
        vectors: npt.NDArray[np.float32] = numpy_helper.to_array(found)[0]
        return vectors

    def _before(self, name: str, kinds: Sequence[str]) -> str | None:
        """What nodes of `kinds`, from the last to the first, made `name` of; None when others did."""
        for kind in kinds:
            while kind == "Slice" and (node := self._makers.get(name)) is not None and self._sliced(node):
                name = node.input[0]
            node = self._makers.get(name)
            if node is None or node.op_type != kind:
                return None
            name = node.input[0]
        return name

    def _sliced(self, node: NodeProto) -> bool:
        """Whether a slice is one of several in a row, behind the first."""
        maker = self._makers.get(node.input[0])
        return node.op_type == "Slice" and maker is not None and maker.op_type == "Slice"

    def _after(self, name: str) -> str | None:
        """What the shifts make of the products `name`; None when anything else is done with them."""
        for kind in _TO_PLACES:
            made = self._only_user(name, kind)
            if made is None:
                return None
            name = made
        while (made := self._only_user(name, "Slice")) is not None:
            name = made
        return name

    def _only_user(self, name: str, kind: str) -> str | None:
        users = [node for node in self._graph.node if name in node.input and node.op_type != "Shape"]
        return users[0].output[0] if len(users) == 1 and users[0].op_type == kind else None

    # --- what takes their place

    def _scores(self, queries: str, vectors: npt.NDArray[np.float32], output: str) -> None:
        """(1, heads, n, channels) by the vectors; distance k of row i goes to column i + k - reach."""
        distances = vectors.shape[1]
        reach = distances // 2
        columns = self._n_plus(distances - 1)
        products = self._node("MatMul", queries, self._constant(vectors))
        wide = self._node("Pad", products, self._joined([0] * 7, self._n()))
        flat = self._node("Reshape", wide, self._ints(0, 0, -1))
        kept = self._node("Slice", flat, self._ints(0), self._node("Mul", self._n(), columns), self._ints(2))
        rows = self._node("Reshape", kept, self._joined([0, 0], self._n(), columns))
        self._node("Slice", rows, self._ints(reach), self._n_plus(reach), self._ints(3), output=output)

    def _sums(self, weights: str, vectors: npt.NDArray[np.float32], output: str) -> None:
        """The weights (1, heads, n, n) of column i + k - reach in row i, by the vector of distance k."""
        distances = vectors.shape[0]
        reach = distances // 2
        wide = self._node("Pad", weights, self._ints(0, 0, 0, reach, 0, 0, 0, reach))
        flat = self._node("Reshape", wide, self._ints(0, 0, -1))
        longer = self._node("Pad", flat, self._joined([0] * 5, self._n()))
        rows = self._node("Reshape", longer, self._joined([0, 0], self._n(), self._n_plus(distances)))
        near = self._node("Slice", rows, self._ints(0), self._ints(distances), self._ints(3))
        self._node("MatMul", near, self._constant(vectors), output=output)

    def _n(self) -> str:
        """Phoneme ids, shape (1)."""
        if not self._length:
            shape = self._node("Shape", self._ids)
            self._length = self._node("Slice", shape, self._ints(1), self._ints(2))
        return self._length

    def _n_plus(self, more: int) -> str:
        return self._node("Add", self._n(), self._ints(more))

    def _joined(self, begin: list[int], *rest: str) -> str:
        return self._node("Concat", self._ints(*begin), *rest, axis=0)

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _constant(self, array: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"narrow_constant_{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"narrow_{len(self._graph.node)}_{len(self._fresh)}"
        self._fresh.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _put(self, replaced: NodeProto) -> None:
        """The fresh nodes where `replaced` was: what they need has been computed there."""
        at = list(self._graph.node).index(replaced)
        self._graph.node.remove(replaced)
        for offset, node in enumerate(self._fresh):
            self._graph.node.insert(at + offset, node)
        self._fresh = []
