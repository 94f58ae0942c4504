"""Makes src/task/facts/facts.json: facts about countries with their names in eight languages, from Unicode CLDR.

Run: pip install babel==2.18.0 && python tests/golden/facts.py
The tests and the program never run this script; they read the file that it wrote, which is part of the repository.

What is a fact here:
- capital: the countries of CAPITALS below, where CLDR's exemplar city of a time zone is the undisputed capital. Left out:
  zones that name an island, a country or a larger city (Qatar, Bahrain, Kuwait, Lagos, ...) and capitals in dispute or
  in transition (Bolivia, Sri Lanka, Indonesia, Israel, ...).
- currency: territories with exactly one current legal tender in CLDR; DATED leaves out changes later than this CLDR.
- language: the official language with most speakers; left out where another official one comes close (RUNNER_UP) and
  where CLDR is behind the law or counts a national language as official (UNCLEAR_LANGUAGE).
- continent: from the time zones; left out where they disagree or lie in an ocean, and TRANSCONTINENTAL countries.
- neighbours: CLDR has no borders, so there is no such relation.
Every name comes from CLDR. A fact is kept only if all names in it exist in all languages and, within a language and a
relation, belong to one entity only.
"""

import json
import re
from pathlib import Path

import babel
from babel import Locale
from babel.core import get_global

LANGUAGES = ["en", "fr", "de", "es", "zh", "ja", "ar", "sw"]
# Where no blank parts prompt and answer, the prompt ends in a colon: byte-level BPE does not merge across it, so that the
# tokens of prompt and answer are the same together and apart.
SEPARATED = {lang: "" if lang in ("zh", "ja") else " " for lang in LANGUAGES}
TEMPLATES = {
    "capital": {
        "en": "The capital of {} is",
        "fr": "La capitale du pays {} est",
        "de": "Die Hauptstadt des Landes {} ist",
        "es": "La capital de {} es",
        "zh": "{}的首都是：",
        "ja": "{}の首都は：",
        "ar": "عاصمة {} هي",
        "sw": "Mji mkuu wa {} ni",
    },
    "currency": {
        "en": "The currency of {} is",
        "fr": "La monnaie du pays {} est",
        "de": "Die Währung des Landes {} ist",
        "es": "La moneda de {} es",
        "zh": "{}的货币是：",
        "ja": "{}の通貨は：",
        "ar": "عملة {} هي",
        "sw": "Sarafu ya {} ni",
    },
    "language": {
        "en": "The official language of {} is",
        "fr": "La langue officielle du pays {} est",
        "de": "Die Amtssprache des Landes {} ist",
        "es": "El idioma oficial de {} es",
        "zh": "{}的官方语言是：",
        "ja": "{}の公用語は：",
        "ar": "اللغة الرسمية في {} هي",
        "sw": "Lugha rasmi ya {} ni",
    },
    "continent": {
        "en": "The continent of {} is",
        "fr": "Le continent du pays {} est",
        "de": "Der Kontinent des Landes {} ist",
        "es": "El continente de {} es",
        "zh": "{}所在的大洲是：",
        "ja": "{}がある大陸は：",
        "ar": "القارة التي تقع فيها {} هي",
        "sw": "Bara la {} ni",
    },
}
# Checked by hand: the zone's exemplar city is the capital.
CAPITALS = """
AF Asia/Kabul  AL Europe/Tirane  DZ Africa/Algiers  AO Africa/Luanda  AR America/Argentina/Buenos_Aires  AM Asia/Yerevan
AT Europe/Vienna  AZ Asia/Baku  BS America/Nassau  BD Asia/Dhaka  BY Europe/Minsk  BE Europe/Brussels
BJ Africa/Porto-Novo  BT Asia/Thimphu  BA Europe/Sarajevo  BW Africa/Gaborone  BG Europe/Sofia  BF Africa/Ouagadougou
KH Asia/Phnom_Penh  CF Africa/Bangui  TD Africa/Ndjamena  CL America/Santiago  CO America/Bogota  CG Africa/Brazzaville
CD Africa/Kinshasa  CR America/Costa_Rica  HR Europe/Zagreb  CU America/Havana  CY Asia/Nicosia  CZ Europe/Prague
DK Europe/Copenhagen  DJ Africa/Djibouti  DO America/Santo_Domingo  EG Africa/Cairo  ER Africa/Asmera  EE Europe/Tallinn
SZ Africa/Mbabane  ET Africa/Addis_Ababa  FI Europe/Helsinki  FR Europe/Paris  GA Africa/Libreville  GM Africa/Banjul
GE Asia/Tbilisi  DE Europe/Berlin  GH Africa/Accra  GR Europe/Athens  GT America/Guatemala  GN Africa/Conakry
GW Africa/Bissau  HT America/Port-au-Prince  HN America/Tegucigalpa  HU Europe/Budapest  IS Atlantic/Reykjavik
IR Asia/Tehran  IQ Asia/Baghdad  IE Europe/Dublin  IT Europe/Rome  JP Asia/Tokyo  JO Asia/Amman  KE Africa/Nairobi
KG Asia/Bishkek  LA Asia/Vientiane  LV Europe/Riga  LB Asia/Beirut  LS Africa/Maseru  LR Africa/Monrovia
LY Africa/Tripoli  LI Europe/Vaduz  LT Europe/Vilnius  MG Indian/Antananarivo  MW Africa/Blantyre  ML Africa/Bamako
MR Africa/Nouakchott  MX America/Mexico_City  MD Europe/Chisinau  ME Europe/Podgorica  MZ Africa/Maputo
NA Africa/Windhoek  NP Asia/Katmandu  NL Europe/Amsterdam  NI America/Managua  NE Africa/Niamey  KP Asia/Pyongyang
MK Europe/Skopje  NO Europe/Oslo  OM Asia/Muscat  PG Pacific/Port_Moresby  PY America/Asuncion  PE America/Lima
PH Asia/Manila  PL Europe/Warsaw  PT Europe/Lisbon  RO Europe/Bucharest  RU Europe/Moscow  RW Africa/Kigali
ST Africa/Sao_Tome  SA Asia/Riyadh  SN Africa/Dakar  RS Europe/Belgrade  SL Africa/Freetown  SK Europe/Bratislava
SI Europe/Ljubljana  SO Africa/Mogadishu  KR Asia/Seoul  SS Africa/Juba  ES Europe/Madrid  SD Africa/Khartoum
SR America/Paramaribo  SE Europe/Stockholm  SY Asia/Damascus  TJ Asia/Dushanbe  TH Asia/Bangkok  TL Asia/Dili
TG Africa/Lome  TT America/Port_of_Spain  TN Africa/Tunis  TM Asia/Ashgabat  UG Africa/Kampala  UA Europe/Kiev
GB Europe/London  UY America/Montevideo  UZ Asia/Tashkent  VE America/Caracas  YE Asia/Aden  ZM Africa/Lusaka
ZW Africa/Harare  MY Asia/Kuala_Lumpur  SG Asia/Singapore  LU Europe/Luxembourg  MT Europe/Malta  JM America/Jamaica
PA America/Panama  MN Asia/Ulaanbaatar  WS Pacific/Apia  SM Europe/San_Marino  MC Europe/Monaco  MH Pacific/Majuro
TV Pacific/Funafuti
"""
# Zones above whose CLDR name is that of the country or of another city than the capital.
NOT_THE_CAPITAL = {"MW", "YE", "CR", "MT", "JM", "GT", "PA"}
DATED = {"BG", "CW", "SX"}
RUNNER_UP = 0.8
UNCLEAR_LANGUAGE = {"BF", "EH", "KM", "ML", "NE", "SC", "SN", "SZ", "UG"}
CONTINENTS = {"Africa": "002", "America": "019", "Asia": "142", "Europe": "150", "Pacific": "009", "Australia": "009"}
TRANSCONTINENTAL = {"AM", "AZ", "CY", "EG", "GE", "ID", "KZ", "RU", "TR", "US", "UM"}


def code_of_city(zone):
    return re.sub(r"[^a-z]+", "-", zone.split("/")[-1].lower())


def city(locale, zone):
    """CLDR's exemplar city; Latin scripts inherit it from the zone's identifier, as CLDR prescribes."""
    listed = (locale.time_zones.get(zone) or {}).get("city")
    if listed or locale.language in ("zh", "ja", "ar"):
        return listed
    return zone.split("/")[-1].replace("_", " ")


def facts(territories):
    """(relation, subject, answer code, CLDR key of the answer)"""
    pairs = re.findall(r"([A-Z]{2}) (\S+/\S+)", CAPITALS)
    assert len(pairs) == len(dict(pairs)), "a country twice"
    for subject, zone in sorted(pairs):
        if subject not in NOT_THE_CAPITAL:
            yield "capital", subject, code_of_city(zone), zone
    for subject in territories:
        tender = [entry[0] for entry in get_global("territory_currencies").get(subject, []) if entry[2] is None and entry[3]]
        if len(tender) == 1 and subject not in DATED:
            yield "currency", subject, tender[0], tender[0]
    for subject in territories:
        if subject in UNCLEAR_LANGUAGE:
            continue
        official = {}
        for tag, info in get_global("territory_languages").get(subject, {}).items():
            if info.get("official_status") in ("official", "de_facto_official"):
                base = tag.split("_")[0]
                official[base] = max(official.get(base, 0), info["population_percent"])
        ranked = sorted(official.items(), key=lambda item: -item[1])
        if ranked and (len(ranked) == 1 or ranked[1][1] < RUNNER_UP * ranked[0][1]):
            yield "language", subject, ranked[0][0], ranked[0][0]
    for subject in territories:
        zones = get_global("territory_zones").get(subject, [])
        found = {CONTINENTS.get(zone.split("/")[0]) for zone in zones}
        if len(found) == 1 and None not in found and subject not in TRANSCONTINENTAL:
            code = found.pop()
            yield "continent", subject, code, code


def name_of(locale, relation, key):
    if relation == "capital":
        return city(locale, key)
    table = {"currency": locale.currencies, "language": locale.languages, "continent": locale.territories}[relation]
    return table.get(key)


def main():
    locales = {lang: Locale.parse(lang) for lang in LANGUAGES}
    territories = sorted(
        code
        for code in locales["en"].territories
        if len(code) == 2 and code not in ("EU", "EZ", "UN", "XA", "XB", "ZZ", "QO", "CQ") and code in get_global("territory_languages")
        and all(locale.territories.get(code) for locale in locales.values())
    )
    kept, names = [], {}
    for relation, subject, code, key in facts(territories):
        if subject not in territories:
            continue
        row = [name_of(locales[lang], relation, key) for lang in LANGUAGES]
        if all(row):
            kept.append((relation, subject, code))
            names.setdefault(relation, {})[code] = [name.strip() for name in row]
    # One name, one entity: a parser must be able to tell what was meant.
    for relation, table in names.items():
        for index, lang in enumerate(LANGUAGES):
            owners = {}
            for code, row in table.items():
                owners.setdefault(row[index].casefold(), []).append(code)
            for name, codes in owners.items():
                if len(codes) > 1:
                    print("dropped for sharing a name:", relation, lang, name, codes)
                    kept = [fact for fact in kept if not (fact[0] == relation and fact[2] in codes)]
    used = {(relation, code) for relation, _, code in kept}
    relations = {}
    for relation in TEMPLATES:
        relations[relation] = {
            "templates": TEMPLATES[relation],
            "answers": {code: row for code, row in sorted(names[relation].items()) if (relation, code) in used},
            "facts": {subject: code for other, subject, code in kept if other == relation},
        }
        print(relation, len(relations[relation]["facts"]), "facts,", len(relations[relation]["answers"]), "answers")
    data = {
        "source": f"Unicode CLDR {get_global('cldr')['version'] if isinstance(get_global('cldr'), dict) else get_global('cldr')}, read with babel {babel.__version__}",
        "licence": "Unicode License v3, see LICENSE-UNICODE beside this file",
        "languages": LANGUAGES,
        "separators": SEPARATED,
        "territories": {code: [locales[lang].territories[code] for lang in LANGUAGES] for code in territories},
        "relations": relations,
    }
    text = json.dumps(data, ensure_ascii=False, indent=1)
    # Lists of names on one line each: a change of one name is one line of a diff.
    text = re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s+\]", lambda match: "[" + re.sub(r",\n\s+", ", ", match.group(1)) + "]", text)
    path = Path(__file__).parents[2] / "src/task/facts/facts.json"
    path.write_text(text + "\n", encoding="utf-8")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
