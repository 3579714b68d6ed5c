"""The pipeline: a Hamilton graph whose nodes are plans. The parameters of a node's function name its input nodes.

Without the call below, Hamilton would import every installed data frame library.
"""

from hamilton import registry

registry.disable_autoload()  # must come before hamilton.driver is imported
