"""A fuzz of the public API: seeded calls with odd arguments, each with what is promised for it.

- `promises`: what may be promised, what came, and the judgement of one by the other;
- `arrays`, `values`, `labels`: odd arrays, each generator with its promise beside it;
- `parameters`: kinds of parameters, each saying of any value at all whether it is promised to be refused;
- `target`: a call with ordinary arguments, one of which is made odd; `targets`: all of them, by package;
- `public`: every public name, and which targets stand for it;
- `runner`: draws a call from a seed and its number, makes it in a temporary folder, and counts verdicts.

``python tests/fuzz.py --n 10000 --seed 1`` runs it; ``--call 7`` makes one call of a seed again.
"""
