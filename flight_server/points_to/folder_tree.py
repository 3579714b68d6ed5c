"""Paths as a tree: the numbers of paths, of the folders around them, and how much two paths have in common."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.integer_columns import Ints, Mask, ints
from flight_server.points_to.interned_strings import Strings, flags, positions

_LAST_STEP = r"(^|/)[^/]*$"


@dataclass(frozen=True)
class FolderTree:
    """Paths by number, from 0 for the empty path; ``depth`` is the number of steps.

    ``above[n, d]`` is the path with the first d steps of path n, or -1 if this has fewer. A last row of -1 stands for
    an unknown path, with the number -1.
    """

    paths: pa.Array
    depth: Ints
    above: Ints

    @classmethod
    def of(cls, columns: Iterable[pa.ChunkedArray]) -> "FolderTree":
        """The paths in the columns, and all folders around them."""
        level = pc.unique(pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()))
        levels = [pa.array([""])]
        while len(level):
            levels.append(level)
            level = pc.unique(pc.replace_substring_regex(level.filter(pc.not_equal(level, "")), _LAST_STEP, ""))
        paths = pc.unique(pa.chunked_array(levels)).drop_null()
        steps = pc.split_pattern(paths, "/")
        depth = np.where(flags(pc.equal(paths, "")), 0, positions(pc.list_value_length(steps)))
        above = np.full((len(paths) + 1, int(depth.max()) + 1), -1)
        above[:-1, 0] = 0
        for count in range(1, above.shape[1]):
            first = pc.binary_join(pc.list_slice(steps, 0, count), "/")
            above[:-1, count] = np.where(depth >= count, positions(pc.index_in(first, value_set=paths)), -1)
        return cls(paths, np.append(depth, 0), above)

    def numbers_of(self, paths: Strings) -> Ints:
        """The numbers of paths; -1 for a path that is unknown or null."""
        return positions(pc.index_in(paths, value_set=self.paths))

    def parent(self, paths: Ints) -> Ints:
        """The folders around paths; -1 for the empty path."""
        found: Ints = np.where(self.depth[paths] > 0, self.above[paths, self.depth[paths] - 1], -1)
        return found

    def around(self, paths: Ints) -> tuple[Ints, Ints]:
        """The folders around each path, from the outermost: the position in ``paths``, and the folder."""
        inside = np.arange(self.above.shape[1]) < self.depth[paths, None]
        which, depth = np.nonzero(inside)
        return which, self.above[paths[which], depth]

    def contains(self, folders: Ints, paths: Ints) -> Mask:
        """Whether each folder is the path beside it or is around it."""
        found: Mask = self.above[paths, self.depth[folders]] == folders
        return found

    def shared(self, paths: Ints, others: Ints) -> Ints:
        """The number of steps that each two paths have in common, from the first."""
        above, other = self.above[paths], self.above[others]
        return ints(np.count_nonzero((above == other) & (above > 0), axis=1))

    def below(self, paths: Ints, folders: Ints) -> pa.Array:
        """The rest of each path below a folder around it, as a dotted name; null if a step has a dot in it."""
        found, order = [pa.array([], pa.string())], [np.empty(0, np.int64)]
        for depth in np.unique(self.depth[folders]):
            rows = np.flatnonzero(self.depth[folders] == depth)
            steps = pc.list_slice(pc.split_pattern(self.paths.take(pa.array(paths[rows])), "/"), int(depth))
            dotted = pc.binary_join(steps, ".")
            is_name = pc.equal(pc.count_substring(dotted, "."), pc.subtract(pc.list_value_length(steps), 1))
            found.append(pc.if_else(is_name, dotted, None))
            order.append(rows)
        position = np.argsort(np.concatenate(order), kind="stable")
        return pa.concat_arrays(found).take(pa.array(position))
