from hypothesis import settings

# The machine may be busy: no test may fail because an example took long.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
