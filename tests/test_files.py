import errno
import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlmlearn.errors import InputError
from mlmlearn.files import read_table, to_numbers
from mlmlearn.fitting import compare

DATA = Path(__file__).parent / "data"


def read(path, group="person", outcome="y", predictors=("day",), **options):
    """Read a file as the command line does."""
    table = read_table(
        path, **{key: options.pop(key) for key in ("separator", "encoding") if key in options}
    )
    roles = {"labels": [group], "outcome": [outcome], "predictors": predictors}
    return to_numbers(table, **roles, **options)


@pytest.fixture
def write(tmp_path):
    def written(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def day(data, group="person", outcome="y", predictor="day"):
    """Return SE and df of the random-intercept model's slope, and the number of groups."""
    table = compare(
        f"{outcome} ~ {predictor}", data, group=group, strategies=["mlm_intercept"]
    ).set_index("term")
    return *table.loc[predictor, ["estimate", "se", "df"]], data[group].nunique()


# The cases: what people's files looked like, and what is right.


def test_labels_keep_their_zeros():
    assert day(read(DATA / "min_leading_zero.csv")) == pytest.approx(
        (1.25, 0.19670, 7, 4), abs=1e-5
    )


def test_an_empty_last_field_is_dropped():
    data = read(DATA / "min_trailing_comma.csv")
    assert list(data) == ["person", "day", "y", "age"]
    assert day(data) == pytest.approx((1.5, 0.28868, 5, 3), abs=1e-5)


def test_row_names_of_r_are_a_column():
    data = read(DATA / "min_R_rownames.csv")
    assert list(data) == ["row_names", "person", "day", "y"]
    assert day(data) == pytest.approx((1.5, 0.28868, 5, 3), abs=1e-5)


def test_a_country_may_be_called_na():
    data = read(DATA / "min_NA_label.csv", group="country", predictors=["year"])
    assert day(data, "country", predictor="year") == pytest.approx((1.5, 0.28868, 5, 3), abs=1e-5)


def test_labels_of_19_digits_stay_apart():
    data = read(DATA / "ids_19_digits.csv")
    assert data["person"].nunique() == 6
    assert data["person"].iloc[-1] == "9900000000000000005"


def test_one_late_label_of_text_changes_no_other(write):
    rows = [f"{row // 400},{row},1.5\n" for row in range(15_999)]
    data = read(write("person,day,y\n" + "".join(rows) + "late,0,1.5\n"))
    assert data["person"].nunique() == 41
    assert set(data["person"].map(type)) == {str}


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("semicolon_decimal_comma.csv", 0),
        ("tabs.tsv", 0),
        ("quoted_decimal_comma.csv", 0),
        ("thousands.csv", 1000),
    ],
)
def test_numbers_of_other_countries(name, shift):
    data = read(DATA / name)
    assert data.dtypes.astype(str).to_dict() == {"person": "object", "day": "int64", "y": "float64"}
    assert (len(data), data["y"].iloc[0], data["y"].iloc[-1]) == (32, 11.2 + shift, 10.55 + shift)
    assert day(data)[3] == 8


def test_letters_of_windows():
    data = read(DATA / "latin1.csv", outcome="Größe")
    assert list(data) == ["person", "day", "Größe"]
    assert data["person"].iloc[0] == "Zoë 1"


def test_two_columns_of_one_name():
    with pytest.raises(InputError, match=r"^2 columns are called 'y'; give each its own name$"):
        read(DATA / "min_duplicate_header.csv")


def test_a_row_of_units_is_named():
    with pytest.raises(InputError) as refused:
        read(DATA / "units_row.csv", predictors=[])
    assert str(refused.value) == (
        "line 2, column 'y': 'ms' is not a number; delete that line if it holds units"
    )


# Round trips.

WAYS = {
    "plain": {},
    "semicolon": {"sep": ";"},
    "german": {"sep": ";", "decimal": ",", "encoding": "cp1252"},
    "tab": {"sep": "\t", "lineterminator": "\r\n"},
    "pipe": {"sep": "|"},
    "bom": {"encoding": "utf-8-sig", "lineterminator": "\r\n"},
    "excel_unicode": {"sep": "\t", "encoding": "utf-16", "decimal": ","},
    "quoted": {"quoting": 1, "decimal": ","},
    "r": {"quoting": 2, "index": True},
    "r_write_table": {"sep": " ", "quoting": 2},
    "gz": {"compression": "gzip"},
    "exponents": {"float_format": "%.17e"},
    "old_mac": {"lineterminator": "\r", "encoding": "latin-1"},
    "na_as_text": {"na_rep": "NA"},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_frame_reads_back_equal(way, tmp_path):
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {
            "person": np.repeat(["01", "1", "Zoë, B.", "NA", 'the "x"'], 4),
            "day": np.tile(np.arange(4), 5),
            "mood ö": rng.normal(size=20) * 10.0 ** rng.integers(-9, 9, 20),
            "arm": np.tile(["a", "b"], 10),
            "y": rng.normal(1000, 900, size=20),
        }
    )
    data.loc[[3, 7], "y"] = np.nan
    path = tmp_path / "file.txt"
    data.to_csv(path, **{"index": False, **WAYS[way]})
    back = read(path, predictors=["day", "mood ö", "arm"])
    back = back.drop(columns="row_names", errors="ignore")
    pd.testing.assert_frame_equal(back, data, check_exact=True)


@pytest.mark.parametrize("compressed", [False, True])
def test_parquet_keeps_its_types(compressed, tmp_path):
    data = pd.DataFrame({"y": [1.5, 2.5], "day": ["01", "1"]}, pd.Index(["a", "b"], name="person"))
    path = tmp_path / "file"  # not the name tells what it is
    data.to_parquet(path)
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(read(path), data.reset_index())


# Notations.


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("g;y\na;1'234.5\nb;12", [1234.5, 12]),  # Excel, Switzerland
        ("g;y\na;1\u2019234\u2019567\nb;12", [1234567, 12]),
        ("g;y\na;1.234,5\nb;-0,5", [1234.5, -0.5]),  # Germany
        ("g;y\na;1\u202f234,5\nb;1\u00a0234,25", [1234.5, 1234.25]),  # France
        ("g,y\na,\u22121.5\nb,+.5e2", [-1.5, 50]),
        ('g,y\na,"1,234"\nb,0.5', [1234, 0.5]),
        ("g,y\na,1.234\nb,2.345", [1.234, 2.345]),
        ("sep=;\ng;y\na;1,5\nb;0,5", [1.5, 0.5]),
        ("g,y\na, 1.5 \nb,.\nc,NA\nd,#N/A\ne,-9", [1.5, np.nan, np.nan, np.nan, -9]),
        ("g,y,\na,1\nb,2,,,\n", [1, 2]),
        ("line,g,y\n1,a,1\n2,b,2\n", [1, 2]),
        ("g,y,,\na,1.5,,\nb,2,,\n,,,\n\n", [1.5, 2]),
        ("g,y\na,1\nb,2,\n", [1, 2]),
    ],
)
def test_notations(text, values, write):
    assert read(write(text), group="g", predictors=[])["y"].tolist() == pytest.approx(
        values, nan_ok=True
    )


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"decimal": ","}, [1.5, 2.25]),
        ({"decimal": "."}, [1500, 2250]),
        ({"thousands": ","}, [1500, 2250]),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked_for(options, values, write):
    path = write("g;y\na;1,500\nb;2,250")
    with pytest.raises(InputError) as refused:
        read(path, group="g")
    assert str(refused.value) == (
        "line 2, column 'y': '1,500' can be read in two ways; name --decimal , or --thousands ,"
    )
    assert read(path, group="g", **options)["y"].tolist() == values
    assert read(path, group="g", outcome="other") is not None


def test_text_stays_text(write):
    path = write("g,date,zip,size,ns,mixed,age\na,2024-05-01,01,1,1700000000000000001,1,18-25\n")
    data = read(path, group="g", outcome="", predictors=["age", "size"])
    assert data.iloc[0].tolist() == ["a", "2024-05-01", "01", 1, "1700000000000000001", 1, "18-25"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("1.5 2,5 3.5 4.5", "line 3, column 'x': '2,5' is no number with the decimal mark '.'; "),
        ("1 2 x", "line 4, column 'x': 'x' is not a number; correct or empty the cell, or write "),
        ("01 02 03", "line 2, column 'x': '01' begins with a zero, as codes do; take such zeros "),
        ("2024-05-01 2024-05-02", "line 2, column 'x': '2024-05-01' is a date or a time; give "),
        ("9:30 10:00", "line 2, column 'x': '9:30' is a date or a time; give the time since a "),
        ("12% 13%", "line 2, column 'x': '12%' is not a number; correct or empty the cell, or "),
        ("1 1700000000000000001", "line 3, column 'x': '1700000000000000001' has more digits "),
        ("1 2 1e999", "line 4, column 'x': '1e999' is not a number; "),
    ],
)
def test_a_cell_that_is_no_number_is_named(cells, said, write):
    path = write("g;x;y\n" + "".join(f"a;{cell};1\n" for cell in cells.split()))
    with pytest.raises(InputError) as refused:
        read(path, group="g", predictors=["x"])
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith(", or write C(x) for categories")
    data = read(path, group="g", predictors=[])  # as C(x), or not in the formula
    assert data["x"].tolist() == cells.split()


def test_lines_are_counted_as_an_editor_does(write):
    with pytest.raises(InputError, match=r"^line 6, column 'y': 'x' is not a number; correct "):
        read(write('g,y\n\n"a\nb",1\n,\nc,x\n'), group="g")


def test_categories_know_missing_values_and_labels_do_not(write):
    data = read(write("g,arm,y\nNA,a,1\n ,NA,2\n"), group="g", predictors=["arm"])
    assert data["g"].tolist() == ["NA", None]
    assert data["arm"].tolist() == ["a", None]


def test_labels_that_differ_in_spaces_are_not_merged(write):
    with pytest.raises(InputError, match=r"^the labels 'a' and 'a ' of 'g' differ only in spaces"):
        read(write("g,y\na,1\na ,2\n"), group="g")


# Files that cannot be read.


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (",,\n,,\n", "has no rows below a header"),
        ("sep=;\n", "has no rows below a header"),
        ("g,y\n", "has no rows below a header"),
        ("1,2\n3,4\n", "begins with numbers; its first line must name the columns"),
        ("hello\nworld\n", "has one column, 'hello'; see that its first line holds the names"),
        (
            "g,y\na,1\nb,2,x\n",
            "line 3 has 3 fields and the header 2 names; name each column, and quote ",
        ),
        ("g,x,y\na,0,11,2\na,1,12,5\n", "line 2 has 4 fields and the header 3 names; "),
        ("g,x,y\na,0,1\na,1\n", "line 3 has 2 fields and the header 3 names; complete it"),
        ("g,x,y\na\n", "line 2 has 1 field and the header 3 names; complete it"),
        ("g,x,,y\na,0,7,1\n", "column 3 holds values and has no name; name it"),
        ('g,y\n"a"b,1\n', "line 2: a quote opened there is not closed"),
        ('g,y\n"a,1\n' + "b,2\n" * 50_000, "line 2: a quote opened there is not closed"),
        ('g,y\na,1\n"b,2\nc,3\n', "line 3: a quote opened there is not closed"),
        (b"PK\x03\x04 and so on", "is no text file; open it in its own program (Excel, SPSS"),
        (b"$FL2@(#) SPSS", "is no text file; "),
        (b"g,y\na\0,1\n", "is no text file; "),
        (b"PAR1 broken", "is a damaged Parquet file; write it anew"),
        (b"\x1f\x8b broken", "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read(content, said, write):
    path = write(content)
    with pytest.raises(InputError) as refused:
        read_table(path)
    assert str(refused.value).startswith(str(path))
    assert str(refused.value)[len(str(path)) :].lstrip(":, ").startswith(said)
    assert "\n" not in str(refused.value)


def test_a_place_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        read_table(tmp_path)
    missing = os.strerror(errno.ENOENT)  # in the language that the machine speaks
    with pytest.raises(InputError, match=rf"nothing\.csv cannot be read: {missing}$"):
        read_table(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "klingon"}, "unknown encoding 'klingon'; usual ones are utf-8, "),
        ({"encoding": "ascii"}, "line 2 is not ascii; name another --encoding or none"),
        ({"separator": "::"}, "the separator must be one character, such as ';', not '::'"),
        ({"separator": ";"}, "has one column"),
        ({"decimal": "'"}, "decimal must be '.' or ',' and thousands another mark, not "),
        ({"decimal": ",", "thousands": ","}, "decimal must be '.' or ',' and thousands another"),
        ({"thousands": "0"}, "decimal must be '.' or ',' and thousands another mark, not "),
    ],
)
def test_an_option_that_does_not_fit(options, said, write):
    with pytest.raises(InputError) as refused:
        read(write("g,y\nZoë,1.5\n"), **options)
    assert said in str(refused.value)


def test_options_overrule_what_is_found(write):
    path = write("g;y\nZoë;1,5\n".encode("cp437"))
    data = read(path, group="g", separator=";", encoding="cp437", decimal=",")
    assert data.iloc[0].tolist() == ["Zoë", 1.5]
    assert read(write("g;a,y\nb;1,5\n"), separator=",").columns.tolist() == ["g;a", "y"]
