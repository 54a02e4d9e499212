"""Read a researcher's file: every column as text first, as numbers where all of it is numbers.

`read_table` knows the layout of files, `to_numbers` the notation of numbers. In between the
caller can see the names of the columns and say which hold labels, which are never changed.
"""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlmlearn.errors import InputError

__all__ = ["read_table", "to_numbers"]

# What stands for a missing value, except in labels: there only an empty cell does. The last
# are Excel's in English and German, SPSS's and pandas'.
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "."]
MISSING += ["#N/A", "#NV", "#NULL!", "<NA>"]
MINUS = "\u2212"
MARKS = ",.", " \u00a0\u202f", "'\u2019"  # in numbers; one of a kind is as good as another
SPREADSHEET_OR_SPSS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"$FL2", b"$FL3", b"%PDF")


def read_table(
    path: str | Path, *, separator: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Read a text file (CSV, TSV, ...) or a Parquet file, told by content, either also gzipped.

    Without them separator and encoding are found in the file: comma, semicolon, tab, pipe or R's
    space; UTF-8, UTF-16 with a byte order mark, or Windows' cp1252.

    Returns
    -------
    DataFrame
        Of a text file all cells as text, the line as index, the separator in ``attrs``, and
        row names that R wrote as "row_names"; of Parquet the types that the file has.

    Raises
    ------
    InputError
        When the file cannot be read, or a line of it does not fit its header.
    """
    content = _content(Path(path))
    if content.startswith(b"PAR1"):
        try:
            frame = pd.read_parquet(io.BytesIO(content))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is a damaged Parquet file; write it anew") from error
        return frame.reset_index([name for name in frame.index.names if name is not None])
    text = _decoded(path, content, encoding)
    if not text.strip():
        raise InputError(f"{path} is empty")
    if told := re.match(r"sep=(.)\r?\n", text):  # a line that Excel reads and writes
        separator, text = separator or told[1], "\n" + text[told.end() :]
    separator = separator or _separator(text)
    if len(separator) != 1 or separator in '"\r\n':
        raise InputError(f"the separator must be one character, such as ';', not {separator!r}")
    lines, records, line = [], [], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for record in reader:
            if "".join(record).strip():  # an empty row at the end is Excel's, no observation
                lines.append(line)
                records.append(record)
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: a quote opened there is not closed") from error
    names, rows = _headed(path, lines, records, separator)
    table = pd.DataFrame(rows, pd.Index(lines[1:], name="line"), names, dtype=object)
    table.attrs["separator"] = separator
    filled = [bool(name) or table.iloc[:, at].str.strip().any() for at, name in enumerate(names)]
    for at, name in enumerate(names):
        if at and not name and filled[at]:
            raise InputError(f"{path}: column {at + 1} holds values and has no name; name it")
    table = table.loc[:, filled].rename(columns={"": "row_names"})
    for name, times in Counter(table.columns).items():
        if times > 1:
            raise InputError(f"{times} columns are called {name!r}; give each its own name")
    return table


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}") from error


def _decoded(path: str | Path, content: bytes, encoding: str | None) -> str:
    names = [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        names = names if encoding else ["utf-16"]
    elif content.startswith(SPREADSHEET_OR_SPSS) or (b"\0" in content and not encoding):
        raise InputError(
            f"{path} is no text file; open it in its own program (Excel, SPSS, Stata, R) and "
            "export it as CSV"
        )
    for name in names:
        try:
            return content.decode(name).removeprefix("\ufeff")
        except LookupError as error:
            known = "utf-8, utf-16, cp1252 and latin-1"
            raise InputError(f"unknown encoding {name!r}; usual ones are {known}") from error
        except UnicodeError as error:
            line = content[: getattr(error, "start", 0)].count(b"\n") + 1
    raise InputError(f"{path}, line {line} is not {names[0]}; name another --encoding or none")


def _separator(text: str) -> str:
    """Find the separator by which the most rows have as many fields as the header."""
    found: list[tuple[float, int, str]] = []
    for mark in ",;\t| ":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        try:
            widths = [len(record) for record in islice(reader, 1000) if record]
        except csv.Error:  # a quote without end, which is told when the file is read
            continue
        # One field more is a row's name, or nothing behind a last separator.
        agreeing = float(np.mean([width - widths[0] in (0, 1) for width in widths]))
        if widths[0] > 1 and (mark != " " or (agreeing == 1 and not found)):
            found.append((agreeing, widths[0], mark))
    return max(found)[2] if found else ","


def _headed(
    path: str | Path, lines: list[int], records: list[list[str]], separator: str
) -> tuple[list[str], list[list[str]]]:
    """Part the names from the rows, and see that each row has a field a name."""
    if len(records) < 2:
        raise InputError(f"{path} has no rows below a header")
    rows = records[1:]
    names = [name.strip() for name in records[0]]
    while not names[-1]:
        names.pop()
    width = len(names)
    if all(re.fullmatch(r"-?\d+([.,]\d+)?", name) for name in names):
        raise InputError(f"{path} begins with numbers; its first line must name the columns")
    if width == 1:
        raise InputError(
            f"{path} has one column, {names[0][:40]!r}; see that its first line holds the names "
            "of the columns, or name the --separator"
        )
    # Separators at the end of lines are no columns; behind them must be nothing.
    wrong = [at for at, row in enumerate(rows, 1) if len(row) < width or any(row[width:])]
    if not wrong:
        return names, [row[:width] for row in rows]
    unique = len({row[0] for row in rows}) == len(rows)
    if unique and all(len(row) == width + 1 for row in rows):  # R names rows, not their column
        return ["", *names], rows
    fields = len(records[wrong[0]])
    remedy = f"name each column, and quote cells that hold {separator!r}"
    raise InputError(
        f"{path}, line {lines[wrong[0]]} has {fields} field{'s'[: fields != 1]} and the header "
        f"{width} names; {'complete it' if fields < width else remedy}"
    )


def to_numbers(
    table: pd.DataFrame,
    *,
    labels: Collection[str] = (),
    outcome: Collection[str] = (),
    predictors: Collection[str] = (),
    decimal: str | None = None,
    thousands: str | None = None,
) -> pd.DataFrame:
    """Turn columns of a text file into numbers where every cell is one, in one notation.

    Parameters
    ----------
    table : DataFrame
        From `read_table`; of Parquet it is returned as it is.
    labels, outcome, predictors : collection of str
        Columns that stay text, such as the group (1 and 01 are two labels, and NA is one);
        that must be numbers; and that must be numbers or categories which do not look so.
    decimal, thousands : str, optional
        The marks in numbers; without them what the numbers of the whole file say.

    Returns
    -------
    DataFrame
        int64 or, with fractions or missing values, float64; all else is text.

    Raises
    ------
    InputError
        Naming line, column and text of the first cell that is not as it must be.
    """
    if decimal not in (None, ".", ",") or (thousands and thousands in f"0123456789{decimal}"):
        given = f"decimal {decimal!r} and thousands {thousands!r}"
        raise InputError(f"decimal must be '.' or ',' and thousands another mark, not {given}")
    if "separator" not in table.attrs:
        return table
    done = table.reset_index(drop=True)
    found = {}
    for name in table.columns:
        if name in labels:
            done[name] = _labels(done[name])
        else:
            codes, cells = pd.factorize(table[name])
            found[name] = codes, pc.utf8_trim_whitespace(pa.array(cells, pa.string()))
    decimal, sure = _notation(found, table.attrs["separator"], decimal, thousands)
    kinds = "".join(MARKS).replace(decimal, "")
    if thousands:
        kinds = next((kind for kind in MARKS[1:] if thousands in kind), thousands)
    for name, (codes, cells) in found.items():
        missing = _array(pc.is_in(cells, pa.array(MISSING)))
        right = _matches(cells, _number(decimal, kinds))
        plain = cells.filter(right)
        for old, new in ((rf"[{re.escape(kinds)}]|^\+", ""), (f"[{decimal}]", "."), (MINUS, "-")):
            plain = pc.replace_substring_regex(plain, old, new)
        values = np.full(len(cells), np.nan)
        values[right] = _array(plain.cast(pa.float64()))
        # Whole numbers with more digits than a float64 keeps are labels; nor does it hold 1e999.
        right &= (np.abs(values) <= 2**53) | (np.isfinite(values) & ~_matches(cells, "[-+]?[0-9]+"))
        wrong = ~right & ~missing
        doubtful = wrong if wrong.any() or sure else _matches(cells, TWO_WAYS)
        strict = name in outcome or (name in predictors and _matches(cells, LIKE_A_NUMBER).any())
        if strict and doubtful.any():
            rows = np.flatnonzero(doubtful[codes])
            cell = cells[codes[rows[0]]].as_py()
            remedy = _remedy(cell, decimal, only_first=rows[-1] == 0)
            if name not in outcome:
                quoted = name if name.isidentifier() else f"`{name}`"
                remedy += f", or write C({quoted}) for categories"
            raise InputError(f"line {table.index[rows[0]]}, column {name!r}: {cell!r} {remedy}")
        if wrong.any():
            text = np.array(_array(cells), dtype=object)
            text[missing] = None
            done[name] = text[codes]
        else:
            whole = np.all((values == np.floor(values)) & (np.abs(values) <= 2**53))
            done[name] = (values.astype(np.int64) if whole else values)[codes]
    return done


def _labels(column: "pd.Series[str]") -> "pd.Series[str]":
    """Return labels without the spaces around them, which must not make two of one."""
    seen: dict[str, str] = {}
    for label in column.unique():
        first = seen.setdefault(label.strip(), label)
        if first != label and label.strip():
            two = f"the labels {first!r} and {label!r} of {column.name!r}"
            raise InputError(f"{two} differ only in spaces; write them alike in the file")
    return column.str.strip().replace("", None)


def _number(decimal: str, thousands: str) -> str:
    """Return a pattern of numbers; what begins with a zero, such as 007, is a code instead."""
    groups = "|".join(rf"(?:{re.escape(mark)}[0-9]{{3}})+" for mark in thousands)
    whole = rf"(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:{groups}))"
    point = re.escape(decimal)
    return rf"[-+{MINUS}]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"


NUMBERS = {mark: _number(mark, "".join(MARKS).replace(mark, "")) for mark in ".,"}
TWO_WAYS = r"[-+]?[1-9][0-9]{0,2}[.,][0-9]{3}"
DATE = r"[0-9]+(-[0-9]+-|/[0-9]+/|\.[0-9]+\.|:)[0-9]+.*"
AMOUNT = r"[<>≤≥~$€£]?\s*[-+]?[0-9.,]*[0-9][0-9.,]*\s*[%$€£]?"
LIKE_A_NUMBER = "|".join([*NUMBERS.values(), DATE, AMOUNT])


def _matches(cells: Any, pattern: str) -> NDArray[np.bool_]:
    """Tell which cells match in full; Arrow does it many times as fast as `re`."""
    return _array(pc.match_substring_regex(cells, f"^(?:{pattern})$"))


def _array(values: Any) -> NDArray[Any]:
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _notation(
    found: dict[Any, Any], separator: str, decimal: str | None, thousands: str | None
) -> tuple[str, bool]:
    """Return the decimal mark by which most cells are read, and whether none contradicts."""
    if known := decimal or {",": ".", ".": ","}.get(thousands or ""):
        return known, True
    point = comma = 0
    for _, cells in found.values():
        with_point, with_comma = (_matches(cells, pattern) for pattern in NUMBERS.values())
        comma += int((with_comma & ~with_point).sum())
        if separator == ",":  # where 1.500 is never a thousand and a half
            with_comma &= ~_matches(cells, r"[^,]*\.[^,]*")
        point += int((with_point & ~with_comma).sum())
    most = "," if comma > point or (comma == point and separator == ";") else "."
    return most, bool(point) != bool(comma)


def _remedy(cell: str, decimal: str, only_first: bool) -> str:
    """Say what is wrong with a cell, and what to do."""
    mark, other = "," if "," in cell else ".", "," if decimal == "." else "."
    if re.fullmatch(TWO_WAYS, cell):
        return f"can be read in two ways; name --decimal {mark} or --thousands {mark}"
    if mark in cell and re.fullmatch(NUMBERS[other], cell):
        return (
            f"is no number with the decimal mark {decimal!r}; write all numbers of the file in one "
            f"notation, and name --decimal {other} if it is that"
        )
    if re.fullmatch(DATE, cell):
        return "is a date or a time; give the time since a start as a number"
    if re.fullmatch("[-+]?0[0-9].*", cell):
        return "begins with a zero, as codes do; take such zeros away"
    if re.fullmatch("[-+]?[0-9]+", cell):
        return "has more digits than a number keeps; shorten it"
    units = "delete that line if it holds units"
    return f"is not a number; {units if only_first else 'correct or empty the cell'}"
