"""The engine that a person names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tachlog.engines import Engine, EngineError, Reading, Setup, Task


def engine_of(name: str | None, jobs: int | None = None) -> Engine:
    """`serial`, `processes`, `dask` or `dask://host:port`; None reads as `processes` does.

    `jobs` bounds the worker processes that are started. Raises `EngineError` for another name.
    """
    if name is not None and name.startswith("dask"):
        host = name.removeprefix("dask").removeprefix("://")
        if name not in ("dask", f"dask://{host}") or (name != "dask" and ":" not in host):
            raise EngineError(f"{name!r} is no engine: a cluster is named dask://host:port")

        def on_cluster(tasks: Sequence[Task], setup: Setup) -> Iterator[list[Reading]]:
            from tachlog.engines import cluster

            return cluster.run(f"tcp://{host}" if host else None, tasks, jobs, setup)

        return on_cluster
    if name not in (None, "serial", "processes"):
        raise EngineError(f"{name!r} is no engine: serial, processes, dask or dask://host:port")

    def here(tasks: Sequence[Task], setup: Setup) -> Iterator[list[Reading]]:
        from tachlog.engines import local

        return local.run(tasks, 1 if name == "serial" else jobs, setup)

    return here
