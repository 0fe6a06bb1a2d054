"""A shop's orders come in: every line counts, nothing is taken for what it is not."""

import csv
import json
import os
import pty
import subprocess
from pathlib import Path

from conftest import House
from imports.files import PROGRAM, counts, environment, imported, logged, previewed, run, write_csv
from postgres_fixture import ask

LINES = ["Order", "Order date", "Customer ID", "SKU", "Item name", "Quantity", "Unit price"]


def test_lines_become_orders_returns_refunds_and_odd_codes_what_they_are(
    house: House, tmp_path: Path
) -> None:
    file = write_csv(
        tmp_path / "lines.csv",
        LINES,
        [
            ["A1", "2025-01-05 09:30", "17", "11001", "Tea pot", "2", "12.50"],
            ["A1", "2025-01-05 09:30", "17", "POST", "Postage", "1", "4.00"],
            ["A1", "2025-01-05 09:30", "17", "D", "Discount", "-1", "5.00"],
            ["A2", "2025-01-06 10:00", "", "11002", "Cup", "1", "3.00"],
            ["A1", "2025-01-05 09:30", "17", "11003", "Tray", "1", "20"],
            ["A3", "2025-07-07 11:00", "17", "11001", "Tea pot", "-1", "12.50"],
            ["A4", "2025-01-08 11:00", "", "11001", "broken", "-30", "0"],
            ["A5", "2025-01-09 11:00", "18", "11001", "Tea pot", "many", "12.50"],
            ["A5", "2025-01-09 11:00", "18", "11002", "Cup", "1", "3.00"],
            ["A6", "soon", "18", "11002", "Cup", "1", "3.00"],
            ["", "2025-01-09 12:00", "18", "11002", "Cup", "1", "3.00"],
        ],
    )
    outcome = imported(house, tmp_path, "orders", str(file))
    assert counts(house) == {"Order Completed": 3, "Order Refunded": 1}
    first, guest, third, back = sorted(
        logged(house), key=lambda event: (event["name"], event["ts"])
    )
    assert first["ts"].startswith("2025-01-05T14:30:00")  # New York's morning
    assert (first["user"], first["message"], first["trust"]) == ("17", "order-A1", 2)
    assert first["backfill"] is True and first["source"] == 3
    said = first["body"]["properties"]
    assert [p["product_id"] for p in said["products"]] == ["11001", "11003"]
    assert (said["revenue"], said["shipping"], said["discount"]) == (40, 4, 5)
    assert guest["anonymous"] == "guest-of-A2" and guest["user"] is None
    assert third["body"]["properties"]["revenue"] == 3
    assert back["ts"].startswith("2025-07-07T15:00:00")  # summer time
    assert back["body"]["properties"]["products"] == [
        {"product_id": "11001", "sku": "11001", "name": "Tea pot", "quantity": 1, "price": 12.5}
    ]
    assert outcome["left_out"] == {
        "code POST: taken as shipping": 1,
        "code D: taken as discount": 1,
        "lines with a negative quantity and no price (stock corrections)": 1,
        "orders that name no customer (kept, each as somebody of its own)": 1,
    }
    with Path(outcome["report"]).open(encoding="utf-8", newline="") as report:
        told = [(row["row"], row["column"], row["value"]) for row in csv.DictReader(report)]
    assert sorted(told) == [
        ("11", "Order date", "soon"),
        ("12", "Order", ""),
        ("9", "Quantity", "many"),
    ]


def test_a_product_with_an_odd_code_is_told_before_and_can_be_named(
    house: House, tmp_path: Path
) -> None:
    rows = [
        ["B1", "2025-01-05", "17", "Coffee", "Coffee, 1 lb", "1", "9"],
        ["B1", "2025-01-05", "17", "T", "Tea, 1 lb", "1", "8"],
        ["B1", "2025-01-05", "17", "C2", "Second cup", "1", "3"],
        ["B1", "2025-01-05", "17", "AmazonFee", "Fee", "1", "2"],
    ]
    file = write_csv(tmp_path / "odd.csv", LINES, rows)
    notes = previewed(house, tmp_path, "orders", str(file))["notes"]
    assert "code T: left out, no product (1 in the first rows)" in notes
    assert "code C2: taken as shipping (1 in the first rows)" in notes
    assert any("product_codes" in note for note in notes)
    chart = tmp_path / "map.toml"
    chart.write_text('[options]\nproduct_codes = ["t", "C2"]\n')
    outcome = imported(house, tmp_path, "orders", str(file), "--map", str(chart))
    (order,) = logged(house)
    products = order["body"]["properties"]["products"]
    assert [one["product_id"] for one in products] == ["Coffee", "T", "C2"]
    assert outcome["left_out"] == {"code AMAZONFEE: left out, no product": 1}


def test_orders_are_counted_in_money_and_refunds_are_taken_back(
    house: House, tmp_path: Path
) -> None:
    header = ["Name", "Email", "Created at", "Currency", "Subtotal", "Shipping", "Taxes", "Total",
              "Refunded Amount", "Cancelled at", "Lineitem quantity", "Lineitem name",
              "Lineitem price", "Lineitem sku"]  # fmt: skip
    rows = [
        ["#1001", "ann@example.com", "2024-05-01 10:00:00 -0400", "EUR", "30.00", "5", "2", "37.00",
         "10.00", "", "1", "Kettle", "20.00", "K-1"],
        ["#1001", "ann@example.com", "", "", "", "", "", "", "", "", "2", "Cup", "5.00", "C-1"],
        ["#1002", "bob@example.com", "2024-05-02 10:00:00 -0400", "EUR", "5.00", "0", "0", "5.00",
         "0.00", "2024-05-03 08:00:00 -0400", "1", "Cup", "5.00", "C-1"],
    ]  # fmt: skip
    file = write_csv(tmp_path / "orders_export.csv", header, rows)
    preview = previewed(house, tmp_path, "orders", str(file))
    assert preview["looks_like"] == "Shopify"
    assert counts(house) == {}  # a preview imports nothing
    imported(house, tmp_path, "orders", str(file))
    assert counts(house) == {"Order Completed": 2, "Order Refunded": 1, "Order Cancelled": 1}
    found = ask(
        house.url,
        f"SELECT json_agg(json_build_array(order_id, currency, revenue, refunded, net, cancelled)"
        f" ORDER BY order_id) FROM {house.acme.schema}.v_order",
    )
    assert found == [
        ["#1001", "EUR", 3000, 1000, 2000, False],
        ["#1002", "EUR", 500, 500, 0, True],
    ]


def test_orders_that_were_never_paid_are_left_out_and_cancelled_ones_told(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "states.csv"
    states = ("wc-completed", "Pending payment", "Failed", "wc-checkout-draft", "Cancelled")
    rows = [f"{n},2025-01-05,c{n}@example.com,{state},10" for n, state in enumerate(states)]
    file.write_text("\n".join(["order,date,email,order status,total", *rows]), "utf-8")
    outcome = imported(house, tmp_path, "orders", str(file))
    assert [event["message"] for event in logged(house)] == ["order-0", "order-4", "cancelled-4"]
    assert sum(outcome["left_out"].values()) == 3


def test_pesos_are_counted_whole(house: House, tmp_path: Path) -> None:
    head = [*LINES, "Currency"]
    rows = [
        ["C1", "2025-01-05 09:30", "17", "1", "Pot", "2", "12.990", "CLP"],
        ["C2", "2025-01-06 09:30", "17", "2", "Cup", "1", "990", "CLP"],
    ]
    imported(house, tmp_path, "orders", str(write_csv(tmp_path / "pesos.csv", head, rows)))
    revenues = [event["body"]["properties"]["revenue"] for event in logged(house)]
    assert sorted(revenues) == [990, 25980]


def test_a_weight_with_a_point_is_no_thousand(house: House, tmp_path: Path) -> None:
    head = [*LINES, "Currency"]
    rows = [["C1", "2025-01-05 09:30", "17", "1", "Tea", "1.5", "12990", "CLP"]]
    imported(house, tmp_path, "orders", str(write_csv(tmp_path / "pesos.csv", head, rows)))
    (event,) = logged(house)
    assert event["body"]["properties"]["revenue"] == 19485


def test_what_a_file_does_not_tell_is_asked_for_and_a_map_answers(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "bestellungen.csv"
    file.write_text(
        "Bestellnummer;Datum;Kunde;Artikel;Menge;Preis\n"
        "7;03.04.2025 08:00;k1;Tasse;2;1.234,50\n"
        "8;05.06.2025 08:00;k2;Teller;1;9,90\n",
        "utf-8",
    )
    refused = run(house, tmp_path, "orders", str(file), "--yes")
    assert refused.returncode == 1
    assert "time of orders" in refused.stderr and "Datum" in refused.stderr
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[columns]\norder_id = "Bestellnummer"\ntime = "Date"\n', "utf-8")
    refused = run(house, tmp_path, "orders", str(file), "--map", str(wrong), "--yes")
    assert refused.returncode == 1
    assert "'Date', which the file does not have" in refused.stderr
    right = tmp_path / "map.toml"
    right.write_text(
        '[columns]\norder_id = "Bestellnummer"\ntime = "Datum"\nuser_id = "Kunde"\n'
        'product_id = "Artikel"\nquantity = "Menge"\nprice = "Preis"\n'
        '[values]\n"properties.place" = "fair"\n'
        '[options]\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\nuser_prefix = "till-"\n'
        'order_prefix = "T"\n',
        "utf-8",
    )
    saved = tmp_path / "saved.toml"
    imported(house, tmp_path, "orders", str(file), "--map", str(right), "--save-map", str(saved))
    assert 'decimal = ","' in saved.read_text("utf-8")
    seventh, eighth = logged(house)
    assert (seventh["user"], seventh["message"]) == ("till-k1", "order-T7")
    assert seventh["ts"].startswith("2025-04-03T06:00:00")
    said = seventh["body"]["properties"]
    assert (said["revenue"], said["currency"], said["place"]) == (2469, "EUR", "fair")
    assert eighth["body"]["properties"]["revenue"] == 9.9
    again = imported(house, tmp_path, "orders", str(file), "--map", str(saved), "--again")
    assert again["new"] == 0 and counts(house) == {"Order Completed": 2}


def test_a_spreadsheets_export_is_read_as_the_spreadsheet_shows_it(
    house: House, tmp_path: Path
) -> None:
    whole = [f"{n};45662;c{n}@example.com;x1;1;12" for n in range(2_000)]
    odd = ["A;45662,5;[/i];x1;1;12", "B;45662.5;b@example.com;[red]x1;1;12,50"]
    file = tmp_path / "sheet.csv"
    lines = ["sep=;", "Order;Date;Email;Product ID;Qty;Price", *odd[:1], *whole, *odd[1:]]
    file.write_text("\r\n".join(lines), "utf-8")
    shown = run(house, tmp_path, "orders", str(file))
    text = " ".join(shown.stdout.split())
    assert (
        "'45662,5' is no time; write it in ISO 8601, or set date_format in the map's [opt" in text
    )
    assert "taken as a spreadsheet's days" in text and "with a decimal comma" in text
    outcome = imported(house, tmp_path, "orders", str(file))
    assert (outcome["new"], outcome["examples"][0]["row"]) == (2_001, 2)
    assert run(house, tmp_path, "orders", str(file), "--yes").returncode == 0
    (last,) = logged(house, "message_id = 'order-B'")
    assert last["ts"].startswith("2025-01-05T") and last["body"]["properties"]["revenue"] == 12.5
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("order;date;total\n1;2025-01-05;12,50\n2;2025-01-05;12.50\n", "utf-8")
    preview = previewed(house, tmp_path, "orders", str(mixed))
    assert [one["properties"]["total"] for one in preview["sample"]] == [12.5, 12.5]
    assert any("some a point" in note for note in preview["notes"])


def test_a_date_that_may_be_two_days_is_settled_by_the_rest_of_the_file_or_refused(
    house: House, tmp_path: Path
) -> None:
    rows = [[n, "01/02/25 10:00", "c", "x1", "X", 1, 1] for n in range(2_500)]
    file = write_csv(tmp_path / "unclear.csv", LINES, rows)
    refused = run(house, tmp_path, "orders", str(file), "--yes")
    assert refused.returncode == 1 and "date_format" in refused.stderr
    file = write_csv(
        tmp_path / "clear.csv", LINES, [*rows, [9_999, "13/02/25 10:00", "c", "x1", "X", 1, 1]]
    )
    assert previewed(house, tmp_path, "orders", str(file))["map"]["options"]["date_format"] == (
        "%d/%m/%y %H:%M"
    )


def test_without_a_terminal_nothing_is_imported_unasked(house: House, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", LINES, [["A1", "2025-01-05", "17", "1", "Tea", "2", "1"]])
    refused = run(house, tmp_path, "orders", str(file))
    assert refused.returncode == 1 and "--yes" in refused.stderr
    assert counts(house) == {}
    missing = run(house, tmp_path, "orders", str(tmp_path / "nothing.csv"), "--yes")
    assert missing.returncode == 1 and "does not exist" in missing.stderr
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04 a spreadsheet")
    sheet = run(house, tmp_path, "orders", str(tmp_path / "sheet.xlsx"), "--yes")
    assert sheet.returncode == 1 and "save the sheet as CSV" in sheet.stderr
    shown = json.loads(run(house, tmp_path, "orders", str(file), "--json").stdout)
    assert shown["map"]["columns"]["order_id"] == "Order" and counts(house) == {}


def test_it_asks_and_takes_no_for_an_answer(house: House, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", LINES, [["A1", "2025-01-05", "17", "1", "Tea", "2", "1"]])
    for answer, expected in ((b"n\n", {}), (b"y\n", {"Order Completed": 1})):
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, answer)
            asked = subprocess.run(
                [*PROGRAM, "import", "orders", str(file), "--shop", "acme"],
                env=environment(house, tmp_path), cwd=tmp_path, stdin=terminal,
                capture_output=True, timeout=120,
            )  # fmt: skip
        finally:
            os.close(keyboard)
            os.close(terminal)
        assert b"Import this?" in asked.stdout and asked.returncode == 0, asked.stderr
        assert counts(house) == expected
