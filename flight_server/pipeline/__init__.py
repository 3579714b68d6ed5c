"""The pipeline: a Hamilton graph whose nodes are plans. Its modules are the documentation of what is made from what."""
