"""The pipeline: a Hamilton graph whose nodes are plans. A node's parameters name the nodes that it is made from.

Without the call below Hamilton would load every data frame library that is installed, for nodes that return its types.
"""

from hamilton import registry

registry.disable_autoload()  # must come before hamilton.driver is imported
