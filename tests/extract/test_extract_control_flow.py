"""The control flow of each construct, as a reader of the source would draw it."""

import pytest
from extract_control_flow import flow_of, graph_of, owners_of

# Each: the source, then a line for each point with its ways on (see graph_of).
CASES = {
    "statements": ("a\nb = 1\n", "a: b = 1\nb = 1: exit"),
    "nothing": ("", ""),
    "if": ("if a:\n  b\nc\n", "a: true b, false c\nb: c\nc: exit"),
    "if else": ("if a: b\nelse: c\nd", "a: true b, false c\nb: d\nc: d\nd: exit"),
    "elif": (
        "if a: b\nelif c: d\nelse: e\nf",
        "a: true b, false c\nb: f\nc: true d, false e\nd: f\ne: f\nf: exit",
    ),
    "not is not turned around": ("if not a: b\nc", "not a: true b, false c\nb: c\nc: exit"),
    "and": ("if a and b: c\nd", "a: true b, false d\nb: true c, false d\nc: d\nd: exit"),
    "or": ("if a or b: c\nd", "a: true c, false b\nb: true c, false d\nc: d\nd: exit"),
    "and in or": (
        "if (a and b) or c: d\ne",
        "a: true b, false c\nb: true d, false c\nc: true d, false e\nd: e\ne: exit",
    ),
    "a value with and is one point": ("x = a and b", "x = a and b: exit"),
    "while": ("while a:\n  b\nc", "a: true b, false c\nb: a\nc: exit"),
    "while else": (
        "while a:\n  if b: break\nelse: c\nd",
        "a: true b, false c\nb: true break, false a\nbreak: d\nc: d\nd: exit",
    ),
    "while with and": ("while a and b: c", "a: true b, false exit\nb: true c, false exit\nc: a"),
    "while true": ("while True:\n  a\nb", "True: true a\na: True\nb (unreachable)\nexit (unreachable)"),
    "while true with break": ("while 1:\n  if a: break\nb", "1: true a\na: true break, false 1\nbreak: b\nb: exit"),
    "while false": ("while 0: a\nb", "0: false b\na (unreachable)\nb: exit"),
    "continue": ("while a:\n  continue\n  b", "a: true continue, false exit\ncontinue: a\nb (unreachable)"),
    "for": ("for x in y: z\nw", "y: iter x\niter x: true z, false w\nz: iter x\nw: exit"),
    "for else": (
        "for x in y:\n  if a: break\n  if b: continue\n  c\nelse: d\ne",
        "y: iter x\niter x: true a, false d\na: true break, false b\nbreak: e\nb: true continue, false c\n"
        "continue: iter x\nc: iter x\nd: e\ne: exit",
    ),
    "break leaves the inner loop": (
        "for x in y:\n  for z in w: break\n",
        "y: iter x\niter x: true w, false exit\nw: iter z\niter z: true break, false iter x\nbreak: iter x",
    ),
    "assert": ("assert a\nb", "a: true b, false exit\nb: exit"),
    "assert with a message": ("assert a, b\nc", "a: true c, false b\nb: exc exit\nc: exit"),
    "assert false": ("assert False\nb", "False: false exit\nb (unreachable)"),
    "raise": ("raise a\nb", "raise a: exc exit\nb (unreachable)"),
    "with": ("with a as b: c\nd", "a: c\nc: finally a, exc finally a\nfinally a: d, exc exit\nd: exit"),
    "with several": (
        "with a, b: c",
        "a: b\nb: c, exc finally a\nc: finally b, exc finally b\nfinally b: finally a, exc finally a\n"
        "finally a: exit, exc exit",
    ),
    "with that returns": (
        "with a:\n  return b\nc",
        "a: return b\nreturn b: finally a, exc finally a\nfinally a: c, exit, exc exit\nc: exit",
    ),
    "break out of with": (
        "while a:\n  with b: break\nc",
        "a: true b, false c\nb: break\nbreak: finally b\nfinally b: c\nc: exit",
    ),
    "try except": (
        "try:\n  a\nexcept E: b\nc",
        "a: c, exc handler except E: b\nhandler except E: b: true b, exc exit\nb: c\nc: exit",
    ),
    "try with two handlers and else": (
        "try:\n  a\nexcept E: b\nexcept: c\nelse: d\ne",
        "a: d, exc handler except E: b\nd: e\nhandler except E: b: true b, false handler except: c\nb: e\n"
        "handler except: c: c\nc: e\ne: exit",
    ),
    "pass raises nothing": (
        "try:\n  pass\nexcept: a\nb",
        "pass: b\nhandler except: a (unreachable)\na (unreachable)\nb: exit",
    ),
    "a name for the exception": (
        "try:\n  a\nexcept E as e:\n  b\nc",
        "a: c, exc handler except E as e:\nhandler except E as e:: true b, exc exit\n"
        "b: finally except E as e:, exc finally except E as e:\nfinally except E as e:: c, exc exit\nc: exit",
    ),
    "an exception goes to the next try": (
        "try:\n  try: a\n  except E: b\nexcept: c",
        "a: exit, exc handler except E: b\nhandler except E: b: true b, exc handler except: c\n"
        "b: exit, exc handler except: c\nhandler except: c: c\nc: exit",
    ),
    "raise in a try": (
        "try:\n  raise a\nexcept E: b",
        "raise a: exc handler except E: b\nhandler except E: b: true b, exc exit\nb: exit",
    ),
    "finally": ("try:\n  a\nfinally: b\nc", "a: finally, exc finally\nfinally: b\nb: c, exc exit\nc: exit"),
    "finally that ends in a test": (
        "try:\n  a\nfinally:\n  if b: c\nd",
        "a: finally, exc finally\nfinally: b\nb: true c, false d, false exit\nc: d, exc exit\nd: exit",
    ),
    "return through finally": (
        "try:\n  return a\nfinally: b\nc",
        "return a: finally, exc finally\nfinally: b\nb: exit, exc exit\nc (unreachable)",
    ),
    "return through two finallys": (
        "try:\n  try: return a\n  finally: b\nfinally: c",
        "return a: finally try: return a, exc finally try: return a\nfinally try: return a: b\n"
        "b: finally, exc finally\nfinally: c\nc: exit, exc exit",
    ),
    "break and continue through finally": (
        "while a:\n  try:\n    if b: break\n    continue\n  finally: c\nd",
        "a: true b, false d\nb: true break, false continue, exc finally\nbreak: finally\ncontinue: finally\n"
        "finally: c\nc: a, d, exc exit\nd: exit",
    ),
    "a loop inside try breaks without finally": (
        "try:\n  while a: break\nfinally: b",
        "a: true break, false finally, exc finally\nbreak: finally\nfinally: b\nb: exit, exc exit",
    ),
    "return in finally": (
        "try:\n  raise a\nfinally:\n  return b",
        "raise a: exc finally\nfinally: return b\nreturn b: exit",
    ),
    "except and finally": (
        "try:\n  a\nexcept E: b\nelse: c\nfinally: d",
        "a: c, exc handler except E: b\nc: finally, exc finally\nhandler except E: b: true b, exc finally\n"
        "b: finally, exc finally\nfinally: d\nd: exit, exc exit",
    ),
    "except star": (
        "try:\n  a\nexcept* E: b\nexcept* F: c\nd",
        "a: d, exc handler except* E: b\nhandler except* E: b: true b, false handler except* F: c\n"
        "b: handler except* F: c, exc handler except* F: c\nhandler except* F: c: true c, false d, exc exit\n"
        "c: d, exc exit\nd: exit",
    ),
    "match": (
        "match a:\n  case 1: b\n  case [x] if c: d\n  case _: e\nf",
        "a: 1\n1: true b, false [x]\nb: f\n[x]: true [x], false _\n[x]: c\nc: true d, false _\nd: f\n"
        "_: true e\ne: f\nf: exit",
    ),
    "match that may not match": ("match a:\n  case 1: b\nc", "a: 1\n1: true b, false c\nb: c\nc: exit"),
    "match with a name takes all": ("match a:\n  case x: b\nc", "a: x\nx: true x\nx: b\nb: c\nc: exit"),
    "unreachable code has no edges": (
        "def f():\n  return\n  while a:\n    try: b\n    finally: c\n  d",
        "def f():: exit",
    ),
    "jumps that no loop takes": ("break\na", "break: exit\na (unreachable)"),
}


@pytest.mark.parametrize("case", CASES)
def test_edges(case):
    source, expected = CASES[case]
    assert graph_of(source) == expected


OWNERS = {
    "function": ("def f(x):\n  if x: return a\n  b", "f#1", "x: true return a, false b\nreturn a: exit\nb: exit"),
    "async": (
        "async def f():\n  async with a: await b\n  async for x in c: d",
        "f#1",
        "a: await b\nawait b: finally a, exc finally a\nfinally a: c, exc exit\nc: iter x\n"
        "iter x: true d, false exit\nd: iter x",
    ),
    "dead code": (
        "def f():\n  return\n  while a:\n    try:\n      b\n    finally: c\n  d",
        "f#1",
        "return: exit\na (unreachable)\nb (unreachable)\nfinally (unreachable)\nc (unreachable)\nd (unreachable)",
    ),
    "class body": ("class C:\n  a\n  def f(self): b", "C#1", "a: def f(self): b\ndef f(self): b: exit"),
    "lambda": ("lambda x: a and b", "<lambda>#1", "a and b: exit"),
    "comprehension": (
        "[a for x in b if c if d and e]",
        "<listcomp>#1",
        "iter x: true c, false exit\nc: true d, false iter x\nd: true e, false iter x\n"
        "e: true a, false iter x\na: iter x",
    ),
    "loops in a comprehension": (
        "{k: v for x in a for y in b}",
        "<dictcomp>#1",
        "iter x: true b, false exit\nb: iter y\niter y: true k, false iter x\nk: v\nv: iter y",
    ),
}


@pytest.mark.parametrize("case", OWNERS)
def test_every_definition_owns_a_graph(case):
    source, owner, expected = OWNERS[case]
    assert graph_of(source, owner) == expected


def test_kinds_of_points():
    source = "for x in y:\n  try: a\n  except E as e: b\n  finally: c\nif d: pass\n"
    _, _, flow = flow_of(source.encode())
    kinds = [row[2] for row in flow.points]
    assert kinds == [
        "entry",
        "stmt",
        "iter",
        "stmt",
        "handler",
        "stmt",
        "finally",
        "finally",
        "stmt",
        "test",
        "stmt",
        "exit",
    ]


def test_points_are_numbered_within_their_owner_so_that_edits_elsewhere_change_no_id():
    source = "def f(a):\n  b = a\n  return [b for c in b]\n"
    _, _, before = flow_of(source.encode())
    _, _, after = flow_of(("import x\ndef g(): pass\n\n" + source).encode())
    ids = {row[0] for row in before.points if "<module>" not in row[0]}
    assert ids <= {row[0] for row in after.points}
    assert "def:0:f#1/point:0" in ids


def test_owners_come_in_source_order():
    source = "x = [a for a in b if (lambda: c)]\n@d(lambda: e)\nclass C:\n  def f(self): return {g for g in h}\n"
    _, _, flow = flow_of(source.encode())
    assert list(owners_of(flow)) == [
        "<module>#1",
        "<listcomp>#1",
        "<listcomp>.<locals>.<lambda>#1",
        "<lambda>#1",
        "C#1",
        "C.f#1",
        "C.f.<locals>.<setcomp>#1",
    ]
