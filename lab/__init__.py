"""Real parts on this machine for tests and benchmarks, beside those that `listener.demo` has.

Everything here is blocking and simple: a test says what happens in the order in which it happens.
What the lab makes bears the label ``lab.session`` and is removed by it; it touches nothing else.
"""
