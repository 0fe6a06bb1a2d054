"""The fields of each kind of file, and the names that shop systems give to them."""

import re
from collections.abc import Sequence

from patron.catalog.parse import ALIASES

_ORDER = """
    order_id time user_id email phone anonymous_id currency revenue subtotal total discount shipping
    tax coupon status cancelled_at refunded checkout_id cart_id affiliation
    product_id sku variant product_name brand category quantity price line_total line_discount
    image_url url
"""
_PERSON = """
    user_id email phone anonymous_id created_at updated_at first_name last_name name birthday gender
    company language street city postal_code state country tags total_spent orders_count
    accepts_email accepts_sms consent_at consent_text
"""
_EVENT = """
    type event time user_id anonymous_id email phone message_id previous_id group_id name category
    properties traits context url
"""
FIELDS: dict[str, list[str]] = {
    "events": _EVENT.split(),
    "orders": _ORDER.split(),
    "profiles": _PERSON.split(),
    "products": list(ALIASES),
}
FREE: dict[str, tuple[str, ...]] = {
    "events": ("properties", "traits", "context"),
    "orders": ("properties",),
    "profiles": ("traits",),
    "products": ("attributes",),
}
"""Prefixes of fields of one's own, such as `properties.colour`."""

_COMMON = {
    "user_id": "userid customerid customer_id customernumber customeruser customernr clientid"
    " kundennummer memberid shopperid",
    "anonymous_id": "anonymousid userpseudoid visitorid sessionvisitorid deviceid clientuuid",
    "email": "email emailaddress customeremail billingemail mail e-mail contactemail usermail",
    "phone": "phone phonenumber billingphone telephone mobile mobilephone customerphone tel",
    "currency": "currency currencycode ordercurrency",
}
_PLACE = {
    "city": "city billingcity town defaultaddresscity",
    "country": "country countrycode billingcountry defaultaddresscountrycode countryname",
    "state": "state region province billingstate provincecode defaultaddressprovincecode",
    "postal_code": "postalcode postcode zip zipcode billingpostcode defaultaddresszip",
    "street": "street address1 billingaddress1 defaultaddressaddress1",
}
_ITEM = {
    "product_id": "productid itemid stockcode articleid lineitemproductid artikelnummer",
    "sku": "sku lineitemsku itemsku productsku",
    "brand": "brand vendor manufacturer itembrand",
    "category": "category productcategory itemcategory producttype producttypes categories",
    "image_url": "imageurl image imagelink imagesrc images",
    "url": "url link producturl permalink",
}
NAMES: dict[str, dict[str, str]] = {
    "orders": {
        "order_id": "orderid ordernumber ordernr orderno invoice invoiceno invoicenumber invoiceid"
        " transactionid basketid receiptid bestellnummer order",
        "time": "time timestamp createdat orderdate invoicedate date datetime purchasedate"
        " orderedat transactiondate transactiontimestamp processedat paidat datecreated",
        **_COMMON,
        "revenue": "revenue netsales netrevenue",
        "subtotal": "subtotal ordersubtotal",
        "total": "total ordertotal totalprice grandtotal amount ordertotalamount",
        "discount": "discount discountamount orderdiscount totaldiscounts carttotaldiscount",
        "shipping": "shipping ordershipping shippingtotal shippingcost ordershippingamount",
        "tax": "tax taxes totaltax ordertotaltax taxtotal",
        "coupon": "coupon discountcode couponcode coupons",
        "status": "status orderstatus",
        "cancelled_at": "cancelledat canceledat",
        "refunded": "refundedamount orderrefundamount totalrefunded refundamount",
        "checkout_id": "checkoutid checkouttoken",
        "cart_id": "cartid carttoken",
        **_ITEM,
        "product_name": "description productname lineitemname itemname producttitle title name",
        "variant": "variant variantid variationid itemvariant",
        "quantity": "quantity qty lineitemquantity itemquantity quantitysold",
        "price": "price unitprice lineitemprice itemcost itemprice",
        "line_total": "linetotal itemtotal salesvalue linetotalprice",
        "line_discount": "lineitemdiscount linediscount itemdiscount",
    },
    "profiles": {
        **_COMMON,
        "user_id": _COMMON["user_id"] + " id",
        "created_at": "createdat dateregistered registered registeredat signupdate dateadded"
        " customersince usersregistered optintime",
        "updated_at": "updatedat lastchanged lastupdated",
        "first_name": "firstname givenname billingfirstname vorname",
        "last_name": "lastname surname familyname billinglastname nachname",
        "name": "name fullname displayname",
        "birthday": "birthday birthdate dateofbirth dob",
        "gender": "gender sex",
        "company": "company billingcompany defaultaddresscompany",
        "language": "language locale lang",
        **_PLACE,
        "tags": "tags",
        "total_spent": "totalspent totalspend moneyspent ltv",
        "orders_count": "orderscount totalorders orders ordercount",
        "accepts_email": "acceptsemailmarketing acceptsmarketing emailconsent newsletter"
        " emailmarketingconsent subscribed optin marketingconsent status",
        "accepts_sms": "acceptssmsmarketing smsconsent smsoptin",
        "consent_at": "consentat consentupdatedat emailconsentat acceptsmarketingupdatedat"
        " confirmtime subscribedat optinat consenttimestamp",
        "consent_text": "consenttext",
    },
    "events": {
        "type": "type calltype",
        "event": "event eventname eventtype action",
        "time": "timestamp time originaltimestamp eventtime eventtimestamp ts datetime date"
        " occurredat createdat",
        **{name: names for name, names in _COMMON.items() if name != "currency"},
        "message_id": "messageid eventid insertid uuid",
        "previous_id": "previousid",
        "group_id": "groupid",
        "name": "name",
        "category": "category",
        "properties": "properties",
        "traits": "traits",
        "context": "context",
        "url": "url pageurl pagelocation",
    },
    "products": {
        **{field: " ".join(names) for field, names in ALIASES.items()},
        "id": "id productid itemid handle stockcode sku",
    },
}
_SHOPIFY_ORDERS = {
    "order_id": "Name",
    "time": "Created at",
    "product_name": "Lineitem name",
    "price": "Lineitem price",
    "quantity": "Lineitem quantity",
    "sku": "Lineitem sku",
    "line_discount": "Lineitem discount",
    "email": "Email",
    "phone": "Phone",
    "currency": "Currency",
    "subtotal": "Subtotal",
    "shipping": "Shipping",
    "tax": "Taxes",
    "total": "Total",
    "coupon": "Discount Code",
    "discount": "Discount Amount",
    "cancelled_at": "Cancelled at",
    "refunded": "Refunded Amount",
    "brand": "Vendor",
}
_SHOPIFY_PRODUCTS = {
    "group": "Handle",
    "id": "Variant SKU",
    "title": "Title",
    "brand": "Vendor",
    "categories": "Type",
    "shown": "Published",
    "price": "Variant Price",
    "compare_at": "Variant Compare At Price",
    "stock": "Variant Inventory Qty",
    "gtin": "Variant Barcode",
    "image_url": "Image Src",
    "cost": "Cost per item",
}
_WOO_PRODUCTS = {
    "id": "ID",
    "sku": "SKU",
    "title": "Name",
    "shown": "Published",
    "available": "In stock?",
    "stock": "Stock",
    "price": "Regular price",
    "sale_price": "Sale price",
    "categories": "Categories",
}
_EXPORTS: list[tuple[str, str, set[str], dict[str, str]]] = [
    ("Shopify", "orders", {"Name", "Lineitem name", "Lineitem price"}, _SHOPIFY_ORDERS),
    ("Shopify", "products", {"Handle", "Title", "Variant Price"}, _SHOPIFY_PRODUCTS),
    ("WooCommerce", "products", {"ID", "Name", "Regular price"}, _WOO_PRODUCTS),
]
_JUNK = re.compile(r"[^a-z0-9]+")


def squashed(name: str) -> str:
    return _JUNK.sub("", name.lower())


def guess(kind: str, columns: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """(field → column, whose export it looks like): what can be told from the columns' names.

    A column stands for one field at most. Of several names for a field the first listed wins.
    """
    for system, of, marks, known in _EXPORTS:
        if of == kind and marks <= set(columns):
            return {field: name for field, name in known.items() if name in columns}, system
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(squashed(column), column)
    found: dict[str, str] = {}
    for field in FIELDS[kind]:
        for name in [squashed(field), *map(squashed, NAMES[kind].get(field, "").split())]:
            if name in by_name and by_name[name] not in found.values():
                found[field] = by_name[name]
                break
    # Columns that already say where they belong: "properties.price", "traits.size".
    for column in columns:
        prefix, dot, rest = column.partition(".")
        if dot and rest and prefix in FREE[kind]:
            found.setdefault(column, column)
    return found, None
