"""The members that every JavaScript value inherits, such as ``constructor`` and ``toString``.

A path such as ``$.properties.constructor`` is not missing in JavaScript: it finds a function, which is truthy, exists,
and vanishes from JSON. The tables below are what ECMA-262 (2025) defines and Node 24 shows.
"""

from __future__ import annotations

from typing import Final

from tockwork.rules.javascript import FORBIDDEN, UNDEFINED, Native

_MEMBERS: Final = {
    # own functions of a prototype or a constructor: name:arity, or name=other:arity where it is another's alias
    "Object.prototype": (
        "__defineGetter__:2 __defineSetter__:2 hasOwnProperty:1 __lookupGetter__:1 __lookupSetter__:1 isPrototypeOf:1 "
        "propertyIsEnumerable:1 toString:0 valueOf:0 toLocaleString:0"
    ),
    "Object": (
        "assign:2 getOwnPropertyDescriptor:2 getOwnPropertyDescriptors:1 getOwnPropertyNames:1 getOwnPropertySymbols:1 "
        "hasOwn:2 is:2 preventExtensions:1 seal:1 create:2 defineProperties:2 defineProperty:3 freeze:1 "
        "getPrototypeOf:1 setPrototypeOf:2 isExtensible:1 isFrozen:1 isSealed:1 keys:1 entries:1 fromEntries:1 "
        "values:1 groupBy:2"
    ),
    "Function.prototype": "apply:2 bind:1 call:1 toString:0",
    "Function": "",
    "Array.prototype": (
        "at:1 concat:1 copyWithin:2 fill:1 find:1 findIndex:1 findLast:1 findLastIndex:1 lastIndexOf:1 pop:0 push:1 "
        "reverse:0 shift:0 unshift:1 slice:2 sort:1 splice:2 includes:1 indexOf:1 join:1 keys:0 entries:0 values:0 "
        "forEach:1 filter:1 flat:0 flatMap:1 map:1 every:1 some:1 reduce:1 reduceRight:1 toReversed:0 toSorted:1 "
        "toSpliced:2 with:2 toLocaleString:0 toString:0"
    ),
    "Array": "isArray:1 from:1 fromAsync:1 of:0",
    "String.prototype": (
        "anchor:1 at:1 big:0 blink:0 bold:0 charAt:1 charCodeAt:1 codePointAt:1 concat:1 endsWith:1 fontcolor:1 "
        "fontsize:1 fixed:0 includes:1 indexOf:1 isWellFormed:0 italics:0 lastIndexOf:1 link:1 localeCompare:1 match:1 "
        "matchAll:1 normalize:0 padEnd:1 padStart:1 repeat:1 replace:2 replaceAll:2 search:1 slice:2 small:0 split:2 "
        "strike:0 sub:0 substr:2 substring:2 sup:0 startsWith:1 toString:0 toWellFormed:0 trim:0 trimStart:0 "
        "trimLeft=trimStart:0 trimEnd:0 trimRight=trimEnd:0 toLocaleLowerCase:0 toLocaleUpperCase:0 toLowerCase:0 "
        "toUpperCase:0 valueOf:0"
    ),
    "String": "fromCharCode:1 fromCodePoint:1 raw:1",
    "Number.prototype": "toExponential:1 toFixed:1 toPrecision:1 toString:1 valueOf:0 toLocaleString:0",
    "Number": "isFinite:1 isInteger:1 isNaN:1 isSafeInteger:1 parseFloat:1 parseInt:2",
    "Boolean.prototype": "toString:0 valueOf:0",
    "Boolean": "",
}

_NUMBERS: Final = {
    "MAX_VALUE": 1.7976931348623157e308,
    "MIN_VALUE": 5e-324,
    "NaN": float("nan"),
    "NEGATIVE_INFINITY": float("-inf"),
    "POSITIVE_INFINITY": float("inf"),
    "MAX_SAFE_INTEGER": 2**53 - 1,
    "MIN_SAFE_INTEGER": 1 - 2**53,
    "EPSILON": 2.0**-52,
}


OBJECT: Final = Native("object", "[object Object]", {}, None, {})
FUNCTION: Final = Native("function", "function () { [native code] }", UNDEFINED, OBJECT, {"name": "", "length": 0})
FUNCTION.members.update(caller=FORBIDDEN, arguments=FORBIDDEN)
ARRAY: Final = Native("array", "", [], OBJECT, {"length": 0})
STRING: Final = Native("string", "", "", OBJECT, {"length": 0})
NUMBER: Final = Native("number", "0", 0, OBJECT, {})
BOOLEAN: Final = Native("boolean", "false", False, OBJECT, {})


def _function(name: str, arity: int) -> Native:
    members = {"name": name, "length": arity}
    return Native("function", f"function {name}() {{ [native code] }}", UNDEFINED, FUNCTION, members)


def _functions(owner: str) -> dict[str, Native]:
    functions = {}
    for entry in _MEMBERS[owner].split():
        label, _, arity = entry.partition(":")
        key, _, name = label.partition("=")
        functions[key] = _function(name or key, int(arity))
    return functions


def _furnish() -> None:
    prototypes = {
        "Object": OBJECT,
        "Function": FUNCTION,
        "Array": ARRAY,
        "String": STRING,
        "Number": NUMBER,
        "Boolean": BOOLEAN,
    }
    for name, prototype in prototypes.items():
        constructor = _function(name, 1)
        constructor.members.update(_functions(name), prototype=prototype)
        prototype.members.update(_functions(f"{name}.prototype"), constructor=constructor)
    NUMBER.members["constructor"].members.update(_NUMBERS)


_furnish()
