"""The starter set: a small built-in data set, two samples for every cell of the paper's grid."""
