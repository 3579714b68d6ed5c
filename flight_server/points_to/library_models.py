"""Models of the standard library's functions, in the language that ``builtin_models`` describes."""

from collections.abc import Mapping

from flight_server.points_to.builtin_models import BUILTIN_MODELS, programs

_TEXT = """
functools
    wraps: result = curried
    wraps() update_wrapper lru_cache() cache total_ordering cmp_to_key: result = 0
    lru_cache: result = 0; result = curried
    partial: result = partial 0
    partialmethod: result = method 0
    reduce: a = each 1; b = call 0 a a; c = call 0 2 a; d = call 0 b a; result = b; result = c; result = d;
        result = 2
    singledispatch singledispatchmethod: result = wrap dispatch 0
    cached_property: result = wrap property 0
contextlib
    contextmanager asynccontextmanager nullcontext: result = 0
    closing: result = 0; a = special 0 close
    aclosing: result = 0; a = special 0 aclose
    ExitStack AsyncExitStack: result = itself
contextlib.AbstractContextManager
    __enter__: result = self
contextlib.ExitStack
    enter_context: result = special 0 __enter__; result = yield 0; a = special 0 __exit__
    push: result = 0; a = special 0 __exit__
    callback: result = 0; a = call 0 1 2
contextlib.AsyncExitStack
    enter_context: result = special 0 __enter__; result = yield 0; a = special 0 __exit__
    enter_async_context: result = special 0 __aenter__; result = yield 0; a = special 0 __aexit__
    callback: result = 0; a = call 0 1 2
abc
    abstractmethod: result = 0
    abstractproperty: result = wrap property 0
typing
    overload TypeVar ParamSpec:
    final override no_type_check runtime_checkable: result = 0
    cast: result = instance 0; result = 1
    NewType: a = text; result = 1
typing.NamedTuple
    _replace: result = self; self attributes
    _make: a = first 0; b = second 0; result = call self a b
typing.TypedDict typing_extensions.TypedDict
    get pop: result = item self 0; result = 1
    values: result = new list values self
    copy: result = self
typing_extensions
    TypeVar ParamSpec:
dataclasses
    dataclass: result = 0; result = curried
    dataclass() replace: result = 0
    field: result = default=; result = wrap factory default_factory=
enum
    unique: result = 0
importlib
    import_module: result = imported 0
copy
    copy: result = 0; a = special 0 __copy__
    deepcopy: result = 0; a = special 0 __deepcopy__
collections
    deque: result = new deque of 0; a = each 0; result holds a
    OrderedDict: result = new dict same 0; result keywords
    defaultdict: result = new dict same 1; a = call 0; result holds a
    ChainMap: result = new dict same 0; result update 1
queue
    Queue LifoQueue PriorityQueue SimpleQueue: result = new queue
heapq
    heappush: 0 holds 1; a = each 0; b = special a __lt__ a
    heappop: result = each 0; a = special result __lt__ result
    heappushpop heapreplace: 0 holds 1; result = each 0; a = special result __lt__ result
    nlargest nsmallest: a = each 1; b = call key= a; result = new list; result holds a
itertools
    chain: a = each 0; b = each 1; c = each 2; result = new generator; result holds a; result holds b;
        result holds c
    islice cycle: result = new generator; a = each 0; result holds a
    repeat: result = new generator; result holds 0
    starmap: a = each 1; b = first a; c = second a; d = call 0 b c; result = new generator; result holds d
    takewhile dropwhile filterfalse: a = each 1; b = call 0 a; result = new generator; result holds a
    groupby: a = each 0; b = call 1 a; c = call key= a; d = new tuple; d has 0 b; d has 0 c; e = new list;
        e holds a; d has 1 e; result = new generator; result holds d
    accumulate: a = each 0; b = call 1 a a; result = new generator; result holds a; result holds b
    zip_longest product: a = each 0; b = each 1; d = new tuple; d has 0 a; d has 1 b; result = new generator;
        result holds d
itertools.chain
    from_iterable: a = each 0; b = each a; result = new generator; result holds b
asyncio
    run create_task ensure_future wait_for shield: result = 0
    gather: result = new list; result holds 0; result holds 1; result holds 2; result holds 3
    to_thread: result = call 0 1 2
atexit
    register: result = 0; a = call 0 1 2
signal
    signal: a = call 1
types
    SimpleNamespace: result = itself; result attributes
    MethodType: result = bind 0 1
operator
    methodcaller attrgetter itemgetter: result = deferred
    methodcaller(): a = attribute 0 1; result = call a 2 3
    attrgetter(): result = attribute 0 1
    itemgetter(): result = item 0 1
weakref
    proxy ref(): result = 0
    ref: result = deferred
    finalize: a = call 1 2 3
concurrent.futures
    as_completed: a = each 0; result = new generator; result holds a
    ThreadPoolExecutor ProcessPoolExecutor: result = itself
concurrent.futures.Future
    result: result = each self
    add_done_callback: a = call 0 self
concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor
    submit: a = call 0 1 2; result = new future; result holds a
    map: a = each 1; b = each 2; c = call 0 a b; result = new generator; result holds c
threading
    Thread: a = first args=; b = second args=; c = call target= a b; result = itself
    Timer: a = call 1; b = call function=; result = itself
threading.Thread multiprocessing.Process threading.Timer
    start: a = special self run
multiprocessing
    Process: a = first args=; b = second args=; c = call target= a b; result = itself
    Pool: result = itself; a = call initializer=
multiprocessing.Pool multiprocessing.pool.ThreadPool
    apply: result = call 0
    apply_async: a = first 1; b = second 1; c = call 0 a b; d = call callback= c
    map: a = each 1; b = call 0 a; result = new list; result holds b
    imap: a = each 1; b = call 0 a; result = new generator; result holds b
    starmap: a = each 1; b = first a; c = second a; d = call 0 b c; result = new list; result holds d
multiprocessing.pool
    ThreadPool: result = itself; a = call initializer=
asyncio.get_event_loop asyncio.get_running_loop asyncio.new_event_loop
    call_soon call_soon_threadsafe: a = call 0 1 2
    call_later call_at: a = call 1 2 3
    run_in_executor: result = call 1 2 3
    run_until_complete create_task: result = 0
argparse.ArgumentParser argparse.ArgumentParser.add_subparsers.add_parser
        argparse.ArgumentParser.add_argument_group argparse.ArgumentParser.add_mutually_exclusive_group
    add_argument: a = text; b = call type= a; result = itself
    set_defaults: a = arguments; a attributes
"""
MODELS: Mapping[str, str] = {**BUILTIN_MODELS, **programs(_TEXT)}
