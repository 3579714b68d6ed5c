"""The code property graph: families of nodes, edges and props, as rows of data, one module for each layer."""
