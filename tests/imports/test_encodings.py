"""Files in other encodings, and files that were damaged on their way."""

import gzip
from pathlib import Path

import pytest

from conftest import House
from imports.files import imported, logged, previewed
from patron.app.imports.reading.encoding import Mended, open_text, survey
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import open_table

HEADER = "email,first_name,city\n"
NAMES = ["Zoë", "Jürgen", "José", "François", "Søren"]


def people(cities: str = "Köln") -> str:
    return HEADER + "".join(f"p{n}@example.com,{name},{cities}\n" for n, name in enumerate(NAMES))


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_the_encoding_is_found_and_told(
    house: House, tmp_path: Path, encoding: str, found: str
) -> None:
    file = tmp_path / "people.csv.gz"
    file.write_bytes(gzip.compress(people().encode(encoding)))
    preview = previewed(house, tmp_path, "profiles", str(file))
    assert preview["encoding"] == found
    assert [one["traits"]["firstName"] for one in preview["sample"]] == NAMES
    assert preview["sample"][0]["traits"]["address"] == {"city": "Köln"}


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("имя;город\n" + "Анна;Москва\n" * 30, "cp1251", "cp1251"),
        ("Jméno;Město\n" + "Žofie;Plzeň\nJiří;Děčín\n" * 30, "cp1250", "cp1250"),
        ("Rechnung;Ware\n" + "R-1;Käse & Brötchen\n" * 300, "cp1252", "cp1252"),
        ("Ware;Größe\n1;3\n", "cp1252", "cp1252"),
        ("produit\n1 crème brûlée, l’été – 4 €\n", "cp1252", "cp1252"),
        ("termék\n" + "őszibarack;tükör;fű\nszőlő;hűtő;gyümölcs\n" * 5, "cp1250", "cp1250"),
        ("ürün\n" + "şeker;peynir;güneş\nyeşil;ığdır;İstanbul\n" * 5, "cp1254", "cp1254"),
        ("prece\n" + "āboli;siers;ķirši\nRīga;šokolāde;ūdens\n" * 5, "cp1257", "cp1257"),
        ("товар\n" + "зелёный чай;сыр\nмасло;Москва\n" * 5, "koi8_r", "koi8_r"),
        ("Ware\n" + "Käse;Brötchen\nMüsli;Öl\n" * 5, "cp850", "cp850"),
        ("名前;品\n" + "東京;りんご 牛乳\n" * 20, "cp932", "cp932"),
    ],
)
def test_other_alphabets_are_told_apart(
    tmp_path: Path, text: str, encoding: str, expected: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(text.encode(encoding))
    seen = survey(file)
    assert seen.encoding == expected
    with open_text(file, seen.encoding, Mended(), lenient=False) as opened:
        assert opened.read() == text


def test_single_bytes_and_text_decoded_wrongly_are_repaired_and_counted(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    wrong = "Käthe".encode().decode("cp1252")  # "KÃ¤the"
    lines = [
        HEADER.encode(),
        "a@example.com,Zoë,Köln\n".encode(),
        "b@example.com,Jörg,Köln\n".encode("latin-1"),
        f"c@example.com,{wrong},Bonn\n".encode(),
        b"d@example.com,A\x00da,Bonn\n",
    ]
    file.write_bytes(b"".join(lines))
    preview = previewed(house, tmp_path, "profiles", str(file))
    assert any("Windows-1252" in note for note in preview["notes"])
    assert preview["repaired"] == [[wrong, "Käthe"]]
    outcome = imported(house, tmp_path, "profiles", str(file))
    assert outcome["repaired"] == {"bytes": 3, "texts": 1}
    names = [event["body"]["traits"]["firstName"] for event in logged(house)]
    assert names == ["Zoë", "Jörg", "Käthe", "Ada"]


def test_broken_rows_are_listed_and_the_rest_comes_in(house: House, tmp_path: Path) -> None:
    file = tmp_path / "people.tsv"
    file.write_text(
        "email\tfirst_name\tcity\n"
        "a@example.com\tAnn\n"
        "\n"
        "b@example.com\tBo\tBonn\tof\ttoo many\n"
        "not an address\tCy\tBonn\n"
        'd@example.com\t"Di\nAnn"\tBonn\t\n',
        "utf-8",
    )
    outcome = imported(house, tmp_path, "profiles", str(file))
    assert [e["body"]["traits"]["firstName"] for e in logged(house)] == ["Ann", "Di\nAnn"]
    assert outcome["problems"] == {
        "has 5 cells, not 3": 1,
        "email: is no e-mail address": 1,
        "the row names nobody": 1,
    }


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        (['a,"open,x', "b,1,x", "c,2,x"], [2]),  # down to the end
        (["a,1,x", 'b,2,"open', "c,3,x", 'd,4,"y"', "e,5,x"], [3]),  # down to another mark
        (['a,"open,x', "b,1,x", 'c,"2",x', "d,3,x"], [2]),
        (['a,"open,x', "b,1,x", 'c",2,x', "d,3,x"], [2]),
        (['a,"open,x', *[f"b{n},{'7' * 600},x" for n in range(2_000)]], [2]),  # beyond a cell
        (['a,"two\nlines, and ""marks""",x', "b,1,x"], []),
        (['a,5" pipe,"two\nlines"', "b,1,x"], []),
        (['a,"two\nlines",x,too many', "b,1,x"], [2]),
    ],
)
def test_a_mark_that_is_not_closed_costs_its_own_row(
    tmp_path: Path, rows: list[str], lost: list[int]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["name,size,note", *rows]) + "\n", "utf-8")
    table = open_table(file, survey(file))
    for _ in range(2):  # the same each time
        faults = Faults(None)
        listed = [(number, cells[0]) for number, cells in table.rows(Mended(), faults)]
        wanted = [(n, row.partition(",")[0]) for n, row in enumerate(rows, 2) if n not in lost]
        assert listed == wanted
        assert [fault.row for fault in faults.examples] == lost
