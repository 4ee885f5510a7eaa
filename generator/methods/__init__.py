"""What a method of one's own imports: `from generator.methods import method`."""

from generator.engine.method_registry import INPUTS, METHODS, Method, load_methods, method

__all__ = ["INPUTS", "METHODS", "Method", "load_methods", "method"]
