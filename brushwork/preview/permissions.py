"""What a SavedModel may do: compute. TensorFlow runs whatever a graph says; some operations read and write files."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from brushwork.errors import NetworkError

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# Operations that reach out of the graph: files, devices, other processes, Python, parts of other graphs.
OUTSIDE = re.compile(
    "File|Dataset|Iterator|Reader|PyFunc|PrintV2|Debug|Summary|ImmutableConst|Rpc|Remote|Send|Recv|Session|Library"
)
# Those that a saved model has for its own variables. Only the operation that restores them may use them.
SAVING = re.compile("Save|Restore|Checkpoint|ShardedFile")


AT_LOAD = ("saved_model_main_op", "legacy_init_op", "__saved_model_init_op")  # collections and signatures run at once


def check(graph: "MetaGraphDef", signatures: Iterable[str]) -> None:
    """Raise NetworkError if an operation does more than compute, of those that a saved graph runs.

    These are what its signatures of these names give, and what is run when it is loaded.
    """
    restore = {graph.saver_def.restore_op_name} - {""}
    run = [name for key in AT_LOAD if key in graph.collection_def for name in graph.collection_def[key].node_list.value]
    for key in {*signatures, *AT_LOAD} & set(graph.signature_def):
        run += [info.name for info in graph.signature_def[key].outputs.values()]
    found = {each for each in _operations(graph.graph_def, restore) if not SAVING.search(each)}
    found.update(_operations(graph.graph_def, run))
    for operation in sorted(found):
        if OUTSIDE.search(operation) or SAVING.search(operation):
            raise NetworkError(f"it has an operation {operation}, which reaches out of the network")


def _operations(graph, names: Iterable[str]) -> Iterator[str]:
    """Yield the types of the operations that tensors or operations with these names depend on, in functions too."""
    nodes = {node.name: node for node in graph.node}
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    waiting, seen = [nodes[name] for name in map(_node_name, names) if name in nodes], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node.op
        waiting += [nodes[name] for name in map(_node_name, node.input) if name in nodes]
        called = [node.op, *(value.func.name for value in node.attr.values())]
        called += [each.name for value in node.attr.values() for each in value.list.func]
        for name in called:
            waiting += functions.pop(name, ())


def _node_name(tensor):
    return tensor.lstrip("^").partition(":")[0]
