"""What runs when a class is made.

Its metaclass's ``__prepare__``, ``__new__`` and ``__init__``, its bases' ``__init_subclass__``, and the
``__set_name__`` of what is in its body.
"""

import numpy as np

from flight_server.points_to.attributes import own
from flight_server.points_to.columns import Ints, constant
from flight_server.points_to.keys import CREATED, INITIALISED, PREPARED, SUBCLASSED
from flight_server.points_to.relations import Family
from flight_server.points_to.world import World

SITE_KIND = 2  # among the sites of ``World.access_sites``


def create_classes(world: World) -> None:
    """Write down the calls that make the repo's classes."""
    keys = world.keys
    definitions = np.flatnonzero(world.source.definitions.is_class)
    classes = world.definition(definitions)
    sites = world.access_sites(definitions, SITE_KIND)
    metaclasses = world.classes.metaclass_of(classes)
    made = metaclasses > 0
    fields = world.heap.field_of(classes[made], keys[PREPARED])
    own(world, metaclasses[made], constant(keys["__prepare__"], fields), fields, metaclasses[made], binds=False)
    world.add(Family.CALL, fields, sites[made], np.zeros_like(sites[made]))
    _look_up(world, "__new__", CREATED, metaclasses[made], metaclasses[made], classes[made], sites[made])
    _look_up(world, "__init__", INITIALISED, metaclasses[made], classes[made], classes[made], sites[made])
    fields = world.heap.field_of(classes, keys[SUBCLASSED])
    own(world, classes, constant(keys["__init_subclass__"], fields), fields, classes, binds=False, after=classes)
    world.add(Family.CALL, fields, sites, np.zeros_like(sites))
    site_of = np.zeros(world.heap.objects, np.int64)
    site_of[classes] = sites
    scopes = world.source.scope_of_variable
    held = world.source.definitions.is_class[scopes]
    world.add(Family.NAMED, world.source.variables[held], site_of[world.definition(scopes[held])])


def pass_keywords(world: World) -> None:
    """The keywords of class statements are arguments of the calls that make the classes."""
    source = world.source
    table = source.tables["cst_bases"]
    definitions, names = source.definitions.ids.find(table["def_id"]), world.keys.all.find(table["keyword"])
    kept = (names > 0) & (names != world.keys["metaclass"])
    sites = world.access_sites(definitions[kept], SITE_KIND)
    world.arguments.keyword.append(np.stack([sites, names[kept], source.place["cst_bases", "place"][kept]], axis=1))


def _look_up(world: World, name: str, held: str, types: Ints, firsts: Ints, classes: Ints, sites: Ints) -> None:
    """Call a method of the metaclass with ``firsts`` as its first argument."""
    fields = world.heap.field_of(classes, world.keys[held])
    own(world, types, constant(world.keys[name], fields), fields, firsts, binds=False)
    world.add(Family.NEW, fields, firsts, sites, np.zeros_like(sites))
