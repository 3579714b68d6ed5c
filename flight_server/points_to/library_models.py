"""The behaviour of the standard library as data, in the language of ``builtin_models``."""

from collections.abc import Mapping
from types import MappingProxyType

from flight_server.points_to.builtin_models import BUILTIN_MODELS

_IDENTITY = "result = 0"

_LIBRARY = {
    "functools.wraps": "result = curried",
    "functools.wraps()": _IDENTITY,
    "functools.update_wrapper": _IDENTITY,
    "functools.lru_cache": "result = 0; result = curried",
    "functools.lru_cache()": _IDENTITY,
    "functools.cache": _IDENTITY,
    "functools.total_ordering": _IDENTITY,
    "functools.partial": "result = partial 0",
    "functools.partialmethod": "result = method 0",
    "functools.reduce": (
        "a = each 1; b = call 0 a a; c = call 0 2 a; d = call 0 b a; result = b; result = c; result = d; result = 2"
    ),
    "functools.cmp_to_key": _IDENTITY,
    "functools.singledispatch": "result = wrap dispatch 0",
    "functools.singledispatchmethod": "result = wrap dispatch 0",
    "functools.cached_property": "result = wrap property 0",
    "contextlib.contextmanager": _IDENTITY,
    "contextlib.asynccontextmanager": _IDENTITY,
    "contextlib.closing": "result = 0; a = special 0 close",
    "contextlib.aclosing": "result = 0; a = special 0 aclose",
    "contextlib.AbstractContextManager.__enter__": "result = self",
    "contextlib.ExitStack": "result = itself",
    "contextlib.ExitStack.enter_context": "result = special 0 __enter__; result = yield 0; a = special 0 __exit__",
    "contextlib.ExitStack.push": "result = 0; a = special 0 __exit__",
    "contextlib.ExitStack.callback": "result = 0; a = call 0 1 2",
    "contextlib.AsyncExitStack": "result = itself",
    "contextlib.AsyncExitStack.enter_context": "result = special 0 __enter__; result = yield 0; a = special 0 __exit__",
    "contextlib.AsyncExitStack.enter_async_context": (
        "result = special 0 __aenter__; result = yield 0; a = special 0 __aexit__"
    ),
    "contextlib.AsyncExitStack.callback": "result = 0; a = call 0 1 2",
    "contextlib.nullcontext": "result = 0",
    "abc.abstractmethod": _IDENTITY,
    "abc.abstractproperty": "result = wrap property 0",
    "typing.overload": "",
    "typing.final": _IDENTITY,
    "typing.override": _IDENTITY,
    "typing.no_type_check": _IDENTITY,
    "typing.runtime_checkable": _IDENTITY,
    "typing.cast": "result = instance 0; result = 1",
    "typing.TypeVar": "",
    "typing.ParamSpec": "",
    "typing_extensions.TypeVar": "",
    "typing_extensions.ParamSpec": "",
    "typing.NewType": "a = text; result = 1",
    "dataclasses.dataclass": "result = 0; result = curried",
    "dataclasses.dataclass()": _IDENTITY,
    "dataclasses.field": "result = default=; result = wrap factory default_factory=",
    "dataclasses.replace": _IDENTITY,
    "enum.unique": _IDENTITY,
    "importlib.import_module": "result = imported 0",
    "copy.copy": f"{_IDENTITY}; a = special 0 __copy__",
    "copy.deepcopy": f"{_IDENTITY}; a = special 0 __deepcopy__",
    "collections.deque": "result = new deque of 0; a = each 0; result holds a",
    "queue.Queue": "result = new queue",
    "queue.LifoQueue": "result = new queue",
    "queue.PriorityQueue": "result = new queue",
    "queue.SimpleQueue": "result = new queue",
    "heapq.heappush": "0 holds 1; a = each 0; b = special a __lt__ a",
    "heapq.heappop": "result = each 0; a = special result __lt__ result",
    "heapq.heappushpop": "0 holds 1; result = each 0; a = special result __lt__ result",
    "heapq.heapreplace": "0 holds 1; result = each 0; a = special result __lt__ result",
    "heapq.nlargest": "a = each 1; b = call key= a; result = new list; result holds a",
    "heapq.nsmallest": "a = each 1; b = call key= a; result = new list; result holds a",
    "collections.OrderedDict": "result = new dict same 0; result keywords",
    "collections.defaultdict": "result = new dict same 1; a = call 0; result holds a",
    "collections.ChainMap": "result = new dict same 0; result update 1",
    "itertools.chain": (
        "a = each 0; b = each 1; c = each 2; result = new generator; result holds a; result holds b; result holds c"
    ),
    "itertools.chain.from_iterable": "a = each 0; b = each a; result = new generator; result holds b",
    "itertools.islice": "result = new generator; a = each 0; result holds a",
    "itertools.cycle": "result = new generator; a = each 0; result holds a",
    "itertools.repeat": "result = new generator; result holds 0",
    "itertools.starmap": (
        "a = each 1; b = first a; c = second a; d = call 0 b c; result = new generator; result holds d"
    ),
    "itertools.takewhile": "a = each 1; b = call 0 a; result = new generator; result holds a",
    "itertools.dropwhile": "a = each 1; b = call 0 a; result = new generator; result holds a",
    "itertools.filterfalse": "a = each 1; b = call 0 a; result = new generator; result holds a",
    "itertools.groupby": (
        "a = each 0; b = call 1 a; c = call key= a; d = new tuple; d has 0 b; d has 0 c; e = new list; "
        "e holds a; d has 1 e; result = new generator; result holds d"
    ),
    "itertools.accumulate": "a = each 0; b = call 1 a a; result = new generator; result holds a; result holds b",
    "itertools.zip_longest": (
        "a = each 0; b = each 1; d = new tuple; d has 0 a; d has 1 b; result = new generator; result holds d"
    ),
    "itertools.product": (
        "a = each 0; b = each 1; d = new tuple; d has 0 a; d has 1 b; result = new generator; result holds d"
    ),
    "asyncio.run": _IDENTITY,
    "asyncio.create_task": _IDENTITY,
    "asyncio.ensure_future": _IDENTITY,
    "asyncio.wait_for": _IDENTITY,
    "asyncio.shield": _IDENTITY,
    "asyncio.gather": "result = new list; result holds 0; result holds 1; result holds 2; result holds 3",
    "asyncio.to_thread": "result = call 0 1 2",
    "atexit.register": "result = 0; a = call 0 1 2",
    "signal.signal": "a = call 1",
    "types.SimpleNamespace": "result = itself; result attributes",
    "types.MethodType": "result = bind 0 1",
    "operator.methodcaller": "result = deferred",
    "operator.methodcaller()": "a = attribute 0 1; result = call a 2 3",
    "operator.attrgetter": "result = deferred",
    "operator.attrgetter()": "result = attribute 0 1",
    "operator.itemgetter": "result = deferred",
    "operator.itemgetter()": "result = item 0 1",
    "weakref.proxy": _IDENTITY,
    "weakref.ref": "result = deferred",
    "weakref.ref()": _IDENTITY,
    "weakref.finalize": "a = call 1 2 3",
    "concurrent.futures.as_completed": "a = each 0; result = new generator; result holds a",
    "concurrent.futures.Future.result": "result = each self",
    "concurrent.futures.Future.add_done_callback": "a = call 0 self",
}
_EXECUTORS = {
    "": "result = itself",
    ".submit": "a = call 0 1 2; result = new future; result holds a",
    ".map": "a = each 1; b = each 2; c = call 0 a b; result = new generator; result holds c",
}
_THREADS = {
    "": "a = first args=; b = second args=; c = call target= a b; result = itself",
    ".start": "a = special self run",
}
_POOLS = {
    "": "result = itself; a = call initializer=",
    ".apply": "result = call 0",
    ".apply_async": "a = first 1; b = second 1; c = call 0 a b; d = call callback= c",
    ".map": "a = each 1; b = call 0 a; result = new list; result holds b",
    ".imap": "a = each 1; b = call 0 a; result = new generator; result holds b",
    ".starmap": "a = each 1; b = first a; c = second a; d = call 0 b c; result = new list; result holds d",
}
_LOOPS = {
    ".call_soon": "a = call 0 1 2",
    ".call_soon_threadsafe": "a = call 0 1 2",
    ".call_later": "a = call 1 2 3",
    ".call_at": "a = call 1 2 3",
    ".run_in_executor": "result = call 1 2 3",
    ".run_until_complete": _IDENTITY,
    ".create_task": _IDENTITY,
}
_CONCURRENT = {
    **{
        f"{name}{method}": program
        for names, programs in (
            (("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"), _EXECUTORS),
            (("threading.Thread", "multiprocessing.Process"), _THREADS),
            (("multiprocessing.Pool", "multiprocessing.pool.ThreadPool"), _POOLS),
            (("asyncio.get_event_loop", "asyncio.get_running_loop", "asyncio.new_event_loop"), _LOOPS),
        )
        for name in names
        for method, program in programs.items()
    },
    "threading.Timer": "a = call 1; b = call function=; result = itself",
    "threading.Timer.start": "a = special self run",
}
_ARGUMENTS = {
    f"argparse.ArgumentParser{through}.{name}": program
    for through in ("", ".add_subparsers.add_parser", ".add_argument_group", ".add_mutually_exclusive_group")
    for name, program in {
        "add_argument": "a = text; b = call type= a; result = itself",
        "set_defaults": "a = arguments; a attributes",
    }.items()
}

MODELS: Mapping[str, str] = MappingProxyType({**BUILTIN_MODELS, **_LIBRARY, **_CONCURRENT, **_ARGUMENTS})
