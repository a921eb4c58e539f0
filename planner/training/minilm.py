"""`python -m planner.training.minilm` writes `data/minilm.onnx`: how all-MiniLM-L6-v2 is run on the weights that its package has.

The package's own graph makes floats of its eight-bit weights when it is loaded, 47 MB for all the words that it knows, of which a
sentence has a dozen. Ours looks a sentence's words up, and makes floats of these: the same floats. It holds no weight of any size,
but where each lies in the package's file, whose hash is checked. To multiply in eight bits, as `reader.onnx` does, would save 29 MB
more and a third of the time; but it moves the vectors (cosine 0.98 to 0.99), and the head was heard otherwise in two tests of 768.
"""

from typing import Any

import onnx
from onnx import TensorProto, helper

from planner.read.embedder import GRAPH, weights

LARGE = 4096  # bytes: what is larger stays where it is


def main() -> None:
    file = weights()
    model: Any = onnx.load_from_string(file)
    nodes = _rewritten(model.graph)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    for one in model.graph.initializer:
        _leave(one, file)
    onnx.save(model, str(GRAPH))


def _rewritten(graph: Any) -> list[Any]:
    """The nodes, with words and places looked up before they become floats."""
    made = {node.output[0]: node for node in graph.node}
    nodes: list[Any] = []
    for node in graph.node:
        scaled = made.get(node.input[0])
        cast = made.get(scaled.input[0]) if scaled is not None else None
        if node.op_type == "Gather" and scaled is not None and cast is not None and cast.op_type == "Cast":
            nodes = [one for one in nodes if one.output[0] not in {*cast.output, *scaled.output}]
            nodes += _looked_up(node, cast.input[0], scaled.input[1])
        else:
            nodes.append(node)
    return nodes


def _looked_up(node: Any, table: str, scale: str) -> list[Any]:
    rows, scales, floats = (f"{node.output[0]}_{part}" for part in ("rows", "scales", "floats"))
    return [
        helper.make_node("Gather", [table, node.input[1]], [rows]),
        helper.make_node("Gather", [scale, node.input[1]], [scales]),
        helper.make_node("Cast", [rows], [floats], to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scales], list(node.output)),
    ]


def _leave(one: Any, file: bytes) -> None:
    """A weight becomes the place where it lies in the file."""
    size = len(one.raw_data)
    if size <= LARGE:
        return
    place = file.index(one.raw_data)
    one.ClearField("raw_data")
    one.data_location = TensorProto.EXTERNAL
    for key, value in (("location", GRAPH.name), ("offset", place), ("length", size)):
        entry = one.external_data.add()
        entry.key, entry.value = key, str(value)


if __name__ == "__main__":
    main()
