"""The names of the ``builtins`` module, as a constant, so that rows don't depend on the interpreter that extracts.

They are all names that CPython 3.11 to 3.14 have there on any platform, including those that ``site`` adds. Also the
attributes of values of built-in types, and the top-level modules of the standard library of any of these versions.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = """
ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError
BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError
ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup
False FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError
ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError
MemoryError ModuleNotFoundError NameError None NotADirectoryError NotImplemented NotImplementedError OSError
OverflowError PendingDeprecationWarning PermissionError ProcessLookupError PythonFinalizationError RecursionError
ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError
SyntaxWarning SystemError SystemExit TabError TimeoutError True TypeError UnboundLocalError UnicodeDecodeError
UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning WindowsError
ZeroDivisionError __build_class__ __debug__ __doc__ __import__ __loader__ __name__ __package__ __spec__
abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex
copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals
hasattr hash help hex id input int isinstance issubclass iter len license list locals map max memoryview min next
object oct open ord pow print property quit range repr reversed round set setattr slice sorted staticmethod str
sum super tuple type vars zip
"""
BUILTIN_NAMES = frozenset(_NAMES.split())

_TEXT = """
capitalize center count endswith expandtabs find index isalnum isalpha isascii isdigit islower isspace istitle isupper
join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit
rstrip split splitlines startswith strip swapcase title translate upper zfill
__add__ __contains__ __getitem__ __iter__ __len__ __mod__ __mul__ __rmod__ __rmul__
"""
_REAL = """
as_integer_ratio conjugate imag real __abs__ __add__ __bool__ __ceil__ __divmod__ __float__ __floor__ __floordiv__
__int__ __mod__ __mul__ __neg__ __pos__ __pow__ __radd__ __rdivmod__ __rfloordiv__ __rmod__ __rmul__ __round__ __rpow__
__rsub__ __rtruediv__ __sub__ __truediv__ __trunc__
"""
_INTEGER = f"""
{_REAL} bit_count bit_length denominator from_bytes is_integer numerator to_bytes __and__ __index__ __invert__
__lshift__ __or__ __rand__ __rlshift__ __ror__ __rrshift__ __rshift__ __rxor__ __xor__
"""
_ATTRIBUTES = {
    "list": """
        append clear copy count extend index insert pop remove reverse sort __add__ __class_getitem__ __contains__
        __delitem__ __getitem__ __iadd__ __imul__ __iter__ __len__ __mul__ __reversed__ __rmul__ __setitem__
    """,
    "tuple": "count index __add__ __class_getitem__ __contains__ __getitem__ __iter__ __len__ __mul__ __rmul__",
    "set": """
        add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset
        issuperset pop remove symmetric_difference symmetric_difference_update union update __and__ __class_getitem__
        __contains__ __iand__ __ior__ __isub__ __iter__ __ixor__ __len__ __or__ __rand__ __ror__ __rsub__ __rxor__
        __sub__ __xor__
    """,
    "dict": """
        clear copy fromkeys get items keys pop popitem setdefault update values __class_getitem__ __contains__
        __delitem__ __getitem__ __ior__ __iter__ __len__ __or__ __reversed__ __ror__ __setitem__
    """,
    "generator": "close gi_code gi_frame gi_running gi_suspended gi_yieldfrom send throw __iter__ __next__",
    "str": f"{_TEXT} casefold encode format format_map isdecimal isidentifier isnumeric isprintable",
    "bytes": f"{_TEXT} decode fromhex hex __bytes__",
    "int": _INTEGER,
    "bool": _INTEGER,
    "float": f"{_REAL} from_number fromhex hex is_integer",
    "complex": """
        conjugate from_number imag real __abs__ __add__ __bool__ __complex__ __mul__ __neg__ __pos__ __pow__ __radd__
        __rmul__ __rpow__ __rsub__ __rtruediv__ __sub__ __truediv__
    """,
}
_OF_ANY = """
__class__ __delattr__ __dir__ __doc__ __eq__ __format__ __ge__ __getattribute__ __getstate__ __gt__ __hash__ __init__
__init_subclass__ __le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ __sizeof__ __str__
__subclasshook__
"""
BUILTIN_ATTRIBUTES: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: frozenset(f"{text} {_OF_ANY}".split()) for name, text in _ATTRIBUTES.items()}
)

_MODULES = """
__future__ abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb
binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys
compileall compression concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses
dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler
fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp
gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword
lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt
multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb
pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile
pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets
select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile
sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog
tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace
traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave
weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
"""
STANDARD_MODULES = frozenset(_MODULES.split())
