"""Countries by the two letters of ISO 3166-1, and which of them are in the European Union."""

from functools import lru_cache

_NAMES = (
    "AD Andorra; AE United Arab Emirates; AF Afghanistan; AG Antigua and Barbuda; AI Anguilla; "
    "AL Albania; AM Armenia; AO Angola; AQ Antarctica; AR Argentina; AS American Samoa; "
    "AT Austria; AU Australia; AW Aruba; AX Åland Islands; AZ Azerbaijan; "
    "BA Bosnia and Herzegovina; BB Barbados; BD Bangladesh; BE Belgium; BF Burkina Faso; "
    "BG Bulgaria; BH Bahrain; BI Burundi; BJ Benin; BL Saint Barthélemy; BM Bermuda; BN Brunei; "
    "BO Bolivia; BQ Bonaire; BR Brazil; BS Bahamas; BT Bhutan; BV Bouvet Island; BW Botswana; "
    "BY Belarus; BZ Belize; CA Canada; CC Cocos Islands; CD Democratic Republic of the Congo; "
    "CF Central African Republic; CG Congo; CH Switzerland; CI Côte d'Ivoire; CK Cook Islands; "
    "CL Chile; CM Cameroon; CN China; CO Colombia; CR Costa Rica; CU Cuba; CV Cape Verde; "
    "CW Curaçao; CX Christmas Island; CY Cyprus; CZ Czechia; DE Germany; DJ Djibouti; "
    "DK Denmark; DM Dominica; DO Dominican Republic; DZ Algeria; EC Ecuador; EE Estonia; "
    "EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET Ethiopia; FI Finland; FJ Fiji; "
    "FK Falkland Islands; FM Micronesia; FO Faroe Islands; FR France; GA Gabon; "
    "GB United Kingdom; GD Grenada; GE Georgia; GF French Guiana; GG Guernsey; GH Ghana; "
    "GI Gibraltar; GL Greenland; GM Gambia; GN Guinea; GP Guadeloupe; GQ Equatorial Guinea; "
    "GR Greece; GS South Georgia; GT Guatemala; GU Guam; GW Guinea-Bissau; GY Guyana; "
    "HK Hong Kong; HM Heard Island; HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; "
    "IE Ireland; IL Israel; IM Isle of Man; IN India; IO British Indian Ocean Territory; "
    "IQ Iraq; IR Iran; IS Iceland; IT Italy; JE Jersey; JM Jamaica; JO Jordan; JP Japan; "
    "KE Kenya; KG Kyrgyzstan; KH Cambodia; KI Kiribati; KM Comoros; KN Saint Kitts and Nevis; "
    "KP North Korea; KR South Korea; KW Kuwait; KY Cayman Islands; KZ Kazakhstan; LA Laos; "
    "LB Lebanon; LC Saint Lucia; LI Liechtenstein; LK Sri Lanka; LR Liberia; LS Lesotho; "
    "LT Lithuania; LU Luxembourg; LV Latvia; LY Libya; MA Morocco; MC Monaco; MD Moldova; "
    "ME Montenegro; MF Saint Martin; MG Madagascar; MH Marshall Islands; MK North Macedonia; "
    "ML Mali; MM Myanmar; MN Mongolia; MO Macau; MP Northern Mariana Islands; MQ Martinique; "
    "MR Mauritania; MS Montserrat; MT Malta; MU Mauritius; MV Maldives; MW Malawi; MX Mexico; "
    "MY Malaysia; MZ Mozambique; NA Namibia; NC New Caledonia; NE Niger; NF Norfolk Island; "
    "NG Nigeria; NI Nicaragua; NL Netherlands; NO Norway; NP Nepal; NR Nauru; NU Niue; "
    "NZ New Zealand; OM Oman; PA Panama; PE Peru; PF French Polynesia; PG Papua New Guinea; "
    "PH Philippines; PK Pakistan; PL Poland; PM Saint Pierre and Miquelon; PN Pitcairn; "
    "PR Puerto Rico; PS Palestine; PT Portugal; PW Palau; PY Paraguay; QA Qatar; RE Réunion; "
    "RO Romania; RS Serbia; RU Russia; RW Rwanda; SA Saudi Arabia; SB Solomon Islands; "
    "SC Seychelles; SD Sudan; SE Sweden; SG Singapore; SH Saint Helena; SI Slovenia; "
    "SJ Svalbard and Jan Mayen; SK Slovakia; SL Sierra Leone; SM San Marino; SN Senegal; "
    "SO Somalia; SR Suriname; SS South Sudan; ST Sao Tome and Principe; SV El Salvador; "
    "SX Sint Maarten; SY Syria; SZ Eswatini; TC Turks and Caicos Islands; TD Chad; "
    "TF French Southern Territories; TG Togo; TH Thailand; TJ Tajikistan; TK Tokelau; "
    "TL Timor-Leste; TM Turkmenistan; TN Tunisia; TO Tonga; TR Turkey; TT Trinidad and Tobago; "
    "TV Tuvalu; TW Taiwan; TZ Tanzania; UA Ukraine; UG Uganda; "
    "UM United States Minor Outlying Islands; US United States; UY Uruguay; UZ Uzbekistan; "
    "VA Vatican City; VC Saint Vincent and the Grenadines; VE Venezuela; "
    "VG British Virgin Islands; VI United States Virgin Islands; VN Vietnam; VU Vanuatu; "
    "WF Wallis and Futuna; WS Samoa; YE Yemen; YT Mayotte; ZA South Africa; ZM Zambia; "
    "ZW Zimbabwe"
)
_ALSO = {
    "Great Britain": "GB",
    "UK": "GB",
    "England": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "EL": "GR",  # what the Union itself writes for Greece
    "XI": "GB",
    "USA": "US",
    "United States of America": "US",
    "Czech Republic": "CZ",
    "Holland": "NL",
    "The Netherlands": "NL",
    "Russian Federation": "RU",
    "Republic of Korea": "KR",
    "Korea": "KR",
    "Viet Nam": "VN",
    "Türkiye": "TR",
    "Macedonia": "MK",
    "Republic of Moldova": "MD",
    "Ivory Coast": "CI",
    "Cabo Verde": "CV",
    "Macao": "MO",
    "Burma": "MM",
    "East Timor": "TL",
    "Swaziland": "SZ",
}
_THREE_LETTERS = (
    "AUT AT BEL BE BGR BG HRV HR CYP CY CZE CZ DNK DK EST EE FIN FI FRA FR DEU DE GRC GR HUN HU"
    " IRL IE ITA IT LVA LV LTU LT LUX LU MLT MT NLD NL POL PL PRT PT ROU RO SVK SK SVN SI ESP ES"
    " SWE SE GBR GB CHE CH NOR NO ISL IS LIE LI TUR TR UKR UA MDA MD SRB RS MKD MK ALB AL MNE ME"
    " BIH BA CAN CA MEX MX BRA BR ARG AR CHL CL COL CO PER PE AUS AU NZL NZ JPN JP CHN CN HKG HK"
    " TWN TW KOR KR IND IN SGP SG MYS MY THA TH VNM VN IDN ID PHL PH ARE AE SAU SA ISR IL EGY EG"
    " MAR MA TUN TN ZAF ZA NGA NG KEN KE RUS RU BLR BY GEO GE ARM AM AZE AZ KAZ KZ"
)

EU_AS_OF = "2026-11-01"
"""When the list of member states was last looked at: 27 since 1 February 2020, when the United
Kingdom had left (Treaty on European Union, Article 52)."""
_MEMBERS = (
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
    # Parts of Finland and France with letters of their own to which the treaties apply
    # (Treaty on the Functioning of the European Union, Articles 349 and 355).
    " AX GF GP MF MQ RE YT"
)
EU = frozenset(_MEMBERS.split())

NAMES = dict(one.split(" ", 1) for one in "".join(_NAMES).split("; "))
"""By code the English name."""


def _plain(text: str) -> str:
    return " ".join(text.replace("&", "and").replace(".", "").split()).casefold()


_THREE = _THREE_LETTERS.split()
_CODES = {
    **{_plain(name): code for code, name in NAMES.items()},
    **{_plain(name): code for name, code in _ALSO.items()},
    **{three.casefold(): two for three, two in zip(_THREE[::2], _THREE[1::2], strict=True)},
    **{code.casefold(): code for code in NAMES},
}


@lru_cache(4_096)
def country_code(text: str) -> str | None:
    """The two letters of a country, out of these, its English name or, of those that trade most,
    its three letters; None for what is no country."""
    return _CODES.get(_plain(text)) if len(text) <= 100 else None
