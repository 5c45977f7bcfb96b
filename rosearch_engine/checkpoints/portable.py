"""What of a file can travel: all that can do without this project."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator

PACKAGE = "rosearch_engine"


def portable(source: str) -> str:
    """A file without its imports of this project, and without what uses what they bring, at any remove.

    So an operation and its module may stand in one file. A file that imports nothing of the project stays as it is.
    """
    lines = source.splitlines(keepends=True)
    everything = [_Part(statement, lines) for statement in ast.parse(source).body]
    left, lost = everything, set[str]()
    while gone := [part for part in left if part.imports(PACKAGE) or part.reads & lost]:
        lost |= _union(part.binds for part in gone)
        left = [part for part in left if part not in gone]
    if left == everything:
        return source
    # What only they used may not be installed where the file goes.
    used = _union(part.reads for part in left if not part.is_import)
    left = [part for part in left if not part.is_import or part.is_future or part.binds & used]
    going = {line for part in everything if part not in left for line in part.lines}
    kept = "".join(line for number, line in enumerate(lines, start=1) if number not in going)
    return re.sub(r"\n{4,}", "\n\n\n", kept).rstrip() + "\n"


class _Part:
    """A statement at the top of a file.

    Attributes:
        lines: the numbers of its lines, from 1.
        binds: the names that it gives to the file.
        reads: the names of the file that it uses; what is its own, such as an argument, is not among them.
    """

    def __init__(self, statement: ast.stmt, lines: list[str]) -> None:
        self._statement = statement
        first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
        self.lines = range(first, (statement.end_lineno or first) + 1)
        table = symtable.symtable("".join(lines[number - 1] for number in self.lines), "", "exec")
        top = table.get_symbols()
        self.binds = {one.get_name() for one in top if one.is_assigned() or one.is_imported()}
        inner = [one for scope in _scopes(table) for one in scope.get_symbols()]
        self.reads = {one.get_name() for one in inner if one.is_referenced() and one.is_global()}
        self.is_import = isinstance(statement, ast.Import | ast.ImportFrom)
        self.is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"

    def imports(self, package: str) -> bool:
        """Whether it imports something of that package, at whatever depth."""
        for node in ast.walk(self._statement):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            if any(name.split(".")[0] == package for name in names):
                return True
        return False


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set[str]().union(*sets)
