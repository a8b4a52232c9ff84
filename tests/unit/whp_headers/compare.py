# SPDX-License-Identifier: MIT
"""Compares two sets of facts.

Owns: what it means for facts to be equal (types under two names of one record are), and what is
known to be in one set only. A reserved field is a gap, not a promise: where later revisions name
parts of a gap its remains get other names and places, so in the records listed for that reason
they are counted apart.
"""
import re

from facts import CATEGORIES

_RESERVED = re.compile(r'(?:.*\.)?Reserved[A-Z]?\d*$')


class Result:
    """Facts by verdict; `different` maps a key to both values."""

    def __init__(self):
        self.equal = []
        self.different = {}
        self.reserved = []
        self.only_ours = []
        self.only_theirs = []

    def differing(self, category):
        return {k: v for k, v in self.different.items() if k[0] == category}


def _one_name(synonyms_of):
    """Maps each name to one name for all of its synonyms, over both header sets."""
    groups = {}
    for synonyms in synonyms_of:
        for name, names in synonyms.items():
            merged = set(names).union(*(groups.get(n, {n}) for n in names))
            for n in merged:
                groups[n] = merged
    return {name: min(names) for name, names in groups.items()}


def _canonical(value, one_name):
    if isinstance(value, tuple):
        return tuple(_canonical(v, one_name) for v in value)
    if isinstance(value, str):
        return re.sub(r'\w+', lambda m: one_name.get(m.group(), m.group()), value)
    return value


def compare(ours, theirs, grown_records):
    """`ours` and `theirs` are (facts, synonyms); `grown_records` have gaps that differ."""
    one_name = _one_name((ours[1], theirs[1]))
    grown = {one_name.get(n, n) for n in grown_records}
    result = Result()
    for key in sorted(set(ours[0]) | set(theirs[0])):
        is_gap = (key[0] in ('offsets', 'bit-fields', 'member types')
                  and one_name.get(key[1], key[1]) in grown and _RESERVED.match(key[2]))
        if key in ours[0] and key in theirs[0]:
            a, b = ours[0][key], theirs[0][key]
            if _canonical(a, one_name) == _canonical(b, one_name):
                result.equal.append(key)
            elif is_gap:
                result.reserved.append(key)
            else:
                result.different[key] = (a, b)
        elif is_gap:
            result.reserved.append(key)
        elif key in ours[0]:
            result.only_ours.append(key)
        else:
            result.only_theirs.append(key)
    return result


def unexplained(keys, names):
    """Keys that no listed name covers: a type covers its facts, Type.Member covers the member's."""
    return [k for k in keys if k[1] not in names and '.'.join(k[1:]) not in names]


def unused(keys, names):
    """Listed names that cover no key: the list says more than is so."""
    used = {k[1] for k in keys} | {'.'.join(k[1:]) for k in keys}
    return sorted(set(names) - used)


def mutations(facts):
    """For each category, a copy of the facts with one value changed."""
    for category in CATEGORIES:
        key = sorted(k for k in facts if k[0] == category)[0]
        changed = dict(facts)
        changed[key] = (facts[key], 'changed')
        yield category, key, changed
