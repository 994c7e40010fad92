"""Places of a source file that can be broken, and how: one small change of its syntax tree at a time."""

import ast
import copy
from dataclasses import dataclass

ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS = "min max, minimum maximum, argmin argmax, floor ceil, any all, sin cos, sum mean, real imag, zeros ones"
NAMES = {a: b for pair in _PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
BUILTINS = {"min", "max", "any", "all"}
#: Arguments that change no result: checks that can only fail by a mistake elsewhere, and who owns the memory.
WITHOUT_EFFECT = {"strict", "stacklevel", "check_finite", "overwrite_a", "overwrite_b", "copy", "maxsize"}
#: Functions of which two arguments can be swapped.
SYMMETRIC = {"min", "max", "minimum", "maximum", "gcd", "lcm", "hypot", "array_equal", "logical_and", "logical_or"}
_UNSEEN = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """A change of one place: characters `start` to `stop` of a text become `new`."""

    kind: str
    line: int
    start: int
    stop: int
    new: str

    def apply(self, text: str) -> str:
        """Return the text with this change."""
        return text[: self.start] + self.new + text[self.stop :]


def mutants(text):
    """Every change of a module's text, in the order of the text."""
    tree, starts = ast.parse(text), _line_starts(text)
    found = []
    for node in _reached(tree):
        for kind, changed in _changes(node):
            start = starts[node.lineno - 1] + _characters(text, starts, node.lineno, node.col_offset)
            stop = starts[node.end_lineno - 1] + _characters(text, starts, node.end_lineno, node.end_col_offset)
            new = "pass" if changed is None else ast.unparse(changed)
            new = f"({new})" if isinstance(changed, ast.expr) and not isinstance(changed, ast.Slice) else new
            found.append(Mutant(kind, node.lineno, start, stop, new))
    return sorted(found, key=lambda m: (m.start, m.stop, m.kind, m.new))


def has_arithmetic(text):
    """Whether a module computes something: + - * / % ** and shifts, outside of type annotations and texts."""
    nodes = _reached(ast.parse(text))
    return any(isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC for node in nodes)


def _line_starts(text):
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _characters(text, starts, line, offset):
    """Columns of the syntax tree count bytes; this counts characters."""
    return len(text[starts[line - 1] : starts[line]].encode()[:offset].decode())


def _reached(node):
    """Nodes below `node` whose change can be seen: no texts of errors, annotations, decorators, f-strings."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, _UNSEEN):
                continue
            if isinstance(child, ast.keyword) and child.arg in WITHOUT_EFFECT:
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            yield child
            yield from _reached(child)


def _changes(node):
    """(what is changed, the changed node) for every way to break `node`; None stands for a removed statement."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC and not _is_text(node):
        yield "operator", _with(node, op=ARITHMETIC[type(node.op)]())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield "operands", _with(node, left=node.right, right=node.left)
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                yield "comparison", _with(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    if isinstance(node, ast.BoolOp):
        yield "and/or", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield "sign or not", node.operand
    if isinstance(node, ast.IfExp):
        yield "branches", _with(node, body=node.orelse, orelse=node.body)
    if isinstance(node, ast.If | ast.While):
        return
    yield from _changed_values(node)
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "removed", None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript | ast.Attribute):
        yield "removed", None


def _changed_values(node):
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        values = [not node.value] if isinstance(node.value, bool) else [node.value + 1, node.value - 1]
        if isinstance(node.value, float):
            values = [node.value * 1.1 if node.value else 0.1]
        for value in values:
            yield "constant", ast.Constant(value)
    if isinstance(node, ast.Slice):
        for bound in ("lower", "upper"):
            if getattr(node, bound) is not None:
                yield "slice", _with(node, **{bound: ast.BinOp(getattr(node, bound), ast.Add(), ast.Constant(1))})
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        field = "id" if isinstance(node, ast.Name) else "attr"
        if getattr(node, field) in (NAMES if field == "attr" else BUILTINS):
            yield "name", _with(node, **{field: NAMES[getattr(node, field)]})
    if isinstance(node, ast.Call) and len(node.args) > 1 and not _symmetric(node):
        yield "arguments", _with(node, args=[node.args[1], node.args[0], *node.args[2:]])


def _symmetric(call):
    """Whether swapping the first two arguments changes nothing, or is an error that any call shows (texts)."""
    a, b = call.args[:2]
    name, texts = (
        ast.unparse(call.func).rpartition(".")[2],
        [isinstance(getattr(s, "value", None), str) for s in (a, b)],
    )
    return name in SYMMETRIC or ast.dump(a) == ast.dump(b) or any(texts) or ast.Starred in (type(a), type(b))


def _is_text(node):
    sides = [node.value] if isinstance(node, ast.AugAssign) else [node.left, node.right]
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides
    )


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.fix_missing_locations(changed)
