"""Models: the behaviour of builtins as data, and the language that models are written in.

A model is a program of statements separated by ``;``. Its operands are places: ``0``, ``1`` … are positional arguments,
``key=`` is a keyword argument, ``self`` the receiver of a method, ``result`` the result of the call, ``a`` … ``h`` are
temporaries. A statement that ends in ``if 1`` applies only to calls that have argument 1.

    r = x                  r holds the objects at x
    r = each x             elements of x, by iteration (``__iter__`` and ``__next__`` included)
    r = call f x y         f is called with x and y
    r = new list           a list (tuple, set, dict, generator, deque, queue, future), one for each call site
    r = new list of x      the same with the elements of x; ``from 1 x``: from position 1 on; ``values x``; ``same x``
    r = text               a str (also number, real, boolean, bytes) of unknown value
    r holds x              the container r has x among its items
    r has 0 x              the container r has x at position 0
    r = item x k           the item of x under the key k
    r = first x            the item of x at position 0; ``second x``: at position 1
    r = values x           all items of x
    r = containers x       the containers at x themselves, and the texts of which the beginning is known
    r = yield x            the objects that the generator x yields
    r item k x             x is stored in r under the key k
    r = special x __len__  the special method is called on x
    r = attribute x k      getattr: k is the place of a constant
    r = read x name        the attribute of that name
    r attribute k x        setattr
    r sent x               x is sent to the generator r
    r maybe x              r may be an instance of x, if nothing else is known about r
    r update x             the items of x become items of r
    r keywords             the keyword arguments are items of r
    r attributes           the keyword arguments are attributes of r
    r = arguments          the namespace that an argument parser returns
    r = module             the module that contains the call; its names are its items
    r = imported x         the modules that the texts x name
    r = type x             the classes of the instances x
    r = instance x         instances of the classes x
    r = super c s          super(c, s)
    r = wrap property x    a wrapper of x: property, setter, static, class, factory, dispatch
    r = partial x          functools.partial; ``method x``: functools.partialmethod
    r = curried            a callable whose model has this model's name and ``()``
    r = deferred           the same, but it gets the arguments of this call after its own
    r = itself             the callee: an object of a class of the library
    r = bind f x           the method f of x
    r = classes x          the classes whose metaclass is x
    r = construct self     an instance of the class that super() is bound to

Models are indented below their owners. A line may name several owners, or several models with the same program. A line
that is indented by eight spaces continues the one before.
"""

import re
from collections.abc import Mapping

_TEXT = """
builtins
    map: a = each 1; b = each 2; c = call 0 a b; result = new generator; result holds c
    filter: a = each 1; b = call 0 a; result = new generator; result holds a
    sorted: result = new list of 0; a = each 0; b = call key= a; c = special a __lt__ a; d = special 0 __len__
    min: a = each 0; b = call key= a; c = call key= 0 if 1; d = call key= 1 if 1; result = a; result = 0 if 1;
        result = 1; result = default=; e = special a __lt__ a; f = special 1 __lt__ 0 if 1
    max: a = each 0; b = call key= a; c = call key= 0 if 1; d = call key= 1 if 1; result = a; result = 0 if 1;
        result = 1; result = default=; e = special a __gt__ a; f = special 1 __gt__ 0 if 1
    list: result = new list from 0 0; a = each 0; result holds a; b = special 0 __len__
    tuple: result = new tuple from 0 0; a = each 0; result holds a; b = special 0 __len__
    set frozenset: result = new set; a = each 0; result holds a
    iter: result = new generator of 0; a = special 0 __iter__; result = a; result = call 0
    reversed: result = new generator of 0; a = special 0 __reversed__; result = a
    enumerate: a = each 0; b = new tuple; c = number; b has 0 c; b has 1 a; result = new generator; result holds b
    zip: a = each 0; b = each 1; c = each 2; d = new tuple; d has 0 a; d has 1 b; d has 2 c; result = new generator;
        result holds d
    dict: result = new dict same 0; result keywords; b = each 0; c = first b; d = second b; result item c d
    next: result = elements 0; result = yield 0; result = special 0 __next__; result = 1
    aiter: result = 0; a = special 0 __aiter__; result = a
    anext: result = special 0 __anext__; result = yield 0
    sum: a = each 0; result = special a __add__ a; result = special a __radd__ 1; result = 1; result = number
    any all: a = each 0; b = special a __bool__; result = boolean
    getattr: result = attribute 0 1; result = 2
    setattr: 0 attribute 1 2
    type: result = type 0
    globals: result = module
    eval: a = module; result = item a 0
    vars: result = read 0 __dict__
    __import__: result = imported 0
    super: result = super __class__= __self__=; result = super 0 1
    property: result = wrap property 0; result = wrap setter 1; result = wrap property fget=;
        result = wrap setter fset=
    staticmethod: result = wrap static 0
    classmethod: result = wrap class 0
    str: a = special 0 __str__; result = text
    repr ascii: a = special 0 __repr__; result = text
    format: a = special 0 __format__; result = text
    print: a = special 0 __str__; a = special 1 __str__; a = special 2 __str__; a = special 3 __str__
    len: a = special 0 __len__; result = number
    bool: a = special 0 __bool__; b = special 0 __len__; result = boolean
    int: a = special 0 __int__; result = number
    float: a = special 0 __float__; result = real
    complex: a = special 0 __complex__
    abs: result = special 0 __abs__
    round: result = special 0 __round__
    open: a = special 0 __fspath__
    hash: a = special 0 __hash__; result = number
    bytes: a = special 0 __bytes__; result = bytes
    divmod: result = special 0 __divmod__ 1
    pow: result = special 0 __pow__ 1
    dir: a = special 0 __dir__; a = text; result = new list; result holds a
    isinstance: a = special 1 __instancecheck__ 0; 0 maybe 1; result = boolean
    issubclass: a = special 1 __subclasscheck__ 0; result = boolean
    callable: result = boolean
    hasattr: a = attribute 0 1; result = boolean
    chr hex input: result = text
    ord id: result = number
    range: b = special 0 __index__; b = special 1 __index__; a = number; result = new generator; result holds a
builtins.object
    __new__: result = instance 0
    __setattr__: 0 attribute 1 2; self attribute 0 1
    __getattribute__: result = attribute 0 1; result = attribute self 0
builtins.type
    __call__: result = construct self
    __new__: result = classes 0
builtins.list
    __add__ __iadd__: result = containers self; result = containers 0
    __mul__: result = containers self
    append: self holds 0
    insert: self holds 1
    extend: a = each 0; self holds a; b = special 0 __len__
    pop: result = each self
    copy: result = new list same self
    sort: a = each self; b = call key= a; c = special a __lt__ a
    index count remove: a = each self; b = special a __eq__ 0
    __iter__: result = new generator of self
    __getitem__: result = item self 0
    __setitem__: self item 0 1
builtins.tuple
    __add__: result = containers self; result = containers 0
    __mul__: result = containers self
builtins.set
    __or__ __ior__: result = containers self; result = containers 0
    __and__ __sub__: result = containers self
    add: self holds 0
    update: a = each 0; self holds a; b = each 1; self holds b
    pop: result = each self
    copy difference intersection: result = new set of self
    union symmetric_difference: result = new set of self; a = each 0; result holds a
builtins.dict
    __or__ __ior__: result = containers self; result = containers 0
    get pop: result = item self 0; result = 1
    setdefault: self item 0 1; result = item self 0; result = 1
    popitem: result = new tuple; a = each self; result has 0 a; b = values self; result has 1 b
    update: self update 0; self keywords
    copy: result = new dict same self
    keys: result = new list of self
    values: result = new list values self
    items: b = new tuple; a = each self; b has 0 a; c = values self; b has 1 c; result = new list; result holds b
    __getitem__: result = item self 0
    __setitem__: self item 0 1
    fromkeys: result = new dict; a = each 0; result item a 1
builtins.generator
    send asend: result = yield self; self sent 0
    __next__: result = each self; result = yield self
    throw: result = yield self
builtins.str
    capitalize center expandtabs format format_map join rjust swapcase title translate upper zfill
        removeprefix: result = text
    casefold ljust lower lstrip removesuffix replace rstrip strip: result = text; result = containers self
    split rsplit splitlines partition rpartition: a = text; result = new list; result holds a
    startswith endswith isdigit isalpha isspace isidentifier isupper islower: result = boolean
    find rfind index rindex count: result = number
    encode: result = bytes
collections.deque
    append appendleft: self holds 0
    insert: self holds 1
    extend extendleft: a = each 0; self holds a
    pop popleft: result = each self
    copy: result = new deque same self
    sort: a = each self; b = call key= a; c = special a __lt__ a
    index count remove: a = each self; b = special a __eq__ 0
    __iter__: result = new generator of self
    __getitem__: result = item self 0
    __setitem__: self item 0 1
queue.Queue
    put put_nowait: self holds 0
    get get_nowait: result = each self
"""
DESCRIBING = frozenset({"builtins.staticmethod", "builtins.classmethod", "builtins.property"})
NEW_OF_ANY_TYPE = "result = instance 0"


def programs(text: str) -> Mapping[str, str]:
    """The programs of models in a text, by dotted name."""
    found: dict[str, str] = {}
    owners: list[str] = []
    for line in re.sub(r"\n {8}", " ", text).strip().splitlines():
        names, colon, program = line.partition(":")
        if colon:
            found |= {f"{owner}.{name}": program.strip() for owner in owners for name in names.split()}
        else:
            owners = line.split()
    return found


BUILTIN_MODELS = programs(_TEXT)
OPERATORS = frozenset(["__add__", "__iadd__", "__mul__", "__or__", "__ior__", "__and__", "__sub__"])
