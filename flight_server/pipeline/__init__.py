"""The pipeline: a Hamilton graph whose nodes are plans. Its modules are the documentation of what is made from what.

Hamilton would load every data frame library that is installed, so that nodes may give its types. Ours give plans.
"""

from hamilton import registry

registry.disable_autoload()  # which counts only before hamilton.driver is imported
