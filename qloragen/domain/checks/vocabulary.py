"""The words that checks know: those that say nothing, numbers, months and units of measure, in some languages."""

from __future__ import annotations

from collections.abc import Mapping

_ENGLISH = (
    "a an and any are aren't as at be because been before being between both but by can cannot can't could couldn't "
    "did didn't do does doesn't doing don't down during each either else etc even ever few for from further get "
    "gets had has have having he her here hers herself him himself his how however i if in instead into is isn't it "
    "it's its itself just let like made make makes making many may me might more most much must my myself neither "
    "no nor not of off on once one only onto or other others our out over own per rather same shall she should so "
    "some such than that the their theirs them themselves then there therefore these they this those through thus "
    "to too under until up upon us use used uses using very via was wasn't we were what when whenever where whereas "
    "whether which while who whom whose why will with within without won't would yes yet you your yours yourself "
    "also about above after again against all although another around always already below e.g i.e vs"
)
_GERMAN = (
    "aber alle als also am an auch auf aus bei bis da damit dann das dass dem den der des die dies diese diesem "
    "diesen dieser dieses doch du durch ein eine einem einen einer eines er es für gegen hat haben hier ich ihr "
    "ihre im in ist ja kann können man mit muss müssen nach nicht noch nur ob oder ohne sein sich sie sind so soll "
    "sollte sowie über um und unter vom von vor war was wenn werden wie wird wir wo wurde zu zum zur zwischen"
)
_FRENCH = (
    "au aux avec ce ces cet cette comme dans de des donc du elle elles en est et été être il ils je la le les leur "
    "leurs lors mais même ne nous on ont ou où par pas peut peuvent plus pour qu que qui sa sans se ses si son sont "
    "sous sur un une vous y d l c s n j à"
)
_SPANISH_PORTUGUESE = (
    "al ante como con cual cuando de del desde donde e el ella ellos en entre era es esta este esto estos estas "
    "está están fue ha han hasta hay la las le lo los más muy ni no nos o para pero por porque que se según ser si "
    "sin sobre son su sus también tiene un una uno y ya ao aos as às até com da das dos em essa esse isso isto mais "
    "mas na não nas nem nos os ou pela pelo pode quando são sem seu sua também tem um uma é"
)
STOP_WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH_PORTUGUESE}".split())
"""Words that say nothing of what a text is about, in lower case."""

GERMAN = frozenset(("der", "und", "das", "ist", "nicht", "ein", "eine", "mit", "den", "von", "auf", "für", "im"))
OTHER = frozenset(
    (
        "the",
        "of",
        "and",
        "is",
        "to",
        "in",
        "for",
        "on",
        "with",
        "not",
        "it",
        "les",
        "des",
        "et",
        "la",
        "el",
        "los",
        "y",
        "o",
        "e",
        "os",
    )
)
"""Words by which a text in German, whose nouns begin with capitals, is told from one in another language."""

ENGLISH = frozenset(("the", "of", "and", "is", "to", "for", "on", "with", "not", "it"))
_IN_ROMANCE = "les des et la el los y os le du une est que para con na pour sur en un por se com em um uma"
ROMANCE = frozenset(_IN_ROMANCE.split())
"""Words by which a text in French, Spanish or Portuguese is told from one in English."""

_NUMBERS = {
    "0": "zero null zéro cero",
    "1": "one single once first eins premier première primero primeira",
    "2": "two twice double second pair both zwei deux dos dois zweite zweimal",
    "3": "three triple thrice third drei trois tres três dritte dreimal",
    "4": "four fourth quarter quarters quadruple vier quatre cuatro quatro vierte",
    "5": "five fifth fünf cinq cinco fünfte",
    "6": "six sixth sechs seis",
    "7": "seven seventh sieben sept siete sete",
    "8": "eight eighth acht huit ocho oito",
    "9": "nine ninth neun neuf nueve nove",
    "10": "ten tenth zehn dix diez dez",
    "11": "eleven eleventh elf onze",
    "12": "twelve twelfth dozen zwölf douze doce",
    "13": "thirteen",
    "14": "fourteen fortnight",
    "15": "fifteen quinze",
    "16": "sixteen",
    "17": "seventeen",
    "18": "eighteen",
    "19": "nineteen",
    "20": "twenty zwanzig vingt veinte vinte",
    "30": "thirty dreißig trente treinta trinta",
    "40": "forty",
    "0.5": "half halb hälfte moitié mitad metade",
    "50": "fifty fünfzig cinquante cincuenta",
    "60": "sixty",
    "70": "seventy",
    "80": "eighty",
    "90": "ninety",
    "100": "hundred hundert cent cien cem",
    "1000": "thousand tausend mille mil",
    "1000000": "million",
    "1000000000": "billion milliarde",
}
NUMBER_WORDS: Mapping[str, str] = {word: value for value, words in _NUMBERS.items() for word in words.split()}
"""Digits of words that count."""

SCALES: Mapping[str, int] = {
    "hundred": 2,
    "thousand": 3,
    "million": 6,
    "millions": 6,
    "billion": 9,
    "billions": 9,
    "trillion": 12,
    "tausend": 3,
    "millionen": 6,
    "milliarden": 9,
    "mille": 3,
    "mil": 3,
    "millones": 6,
    "milhões": 6,
}
"""Zeros that a word after a number adds to it."""

_MONTHS = "january february march april may june july august september october november december"
_SHORT = "jan feb mar apr may jun jul aug sep oct nov dec"
MONTHS: Mapping[str, str] = {
    month: str(number) for names in (_MONTHS, _SHORT) for number, month in enumerate(names.split(), 1)
}
"""Digits of months, as in 2026-01-15."""

_UNIT_FORMS = {
    "second": "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos",
    "millisecond": "ms msec millis millisecond milliseconds millisekunden",
    "microsecond": "us µs μs microsecond microseconds",
    "nanosecond": "ns nanosecond nanoseconds",
    "minute": "min mins minute minutes minuten minuto minutos",
    "hour": "h hr hrs hour hours stunde stunden heure heures hora horas",
    "day": "d day days tag tage tagen jour jours día días dia dias",
    "week": "w wk week weeks woche wochen semaine semaines",
    "month": "month months monat monate monaten mois mes meses",
    "year": "y yr yrs year years jahr jahre jahren ans año años ano anos",
    "%": "% percent pct prozent",
    "byte": "b B byte bytes",
    "kilobyte": "kb kB KB kib KiB k K kilobyte kilobytes",
    "megabyte": "mb MB mib MiB M megabyte megabytes mo",
    "gigabyte": "gb GB gib GiB G gigabyte gigabytes go",
    "terabyte": "tb TB tib TiB T terabyte terabytes",
    "gram": "g gram grams gramm gramme grammes",
    "kilogram": "kg kilogram kilograms kilo kilos",
    "milligram": "mg milligram milligrams",
    "millilitre": "ml millilitre millilitres milliliter milliliters",
    "litre": "l litre litres liter liters",
    "metre": "m metre metres meter meters",
    "kilometre": "km kilometre kilometres kilometer kilometers",
    "centimetre": "cm centimetre centimetres centimeter centimeters",
    "millimetre": "mm millimetre millimetres millimeter millimeters",
    "degree": "c f degree degrees grad celsius fahrenheit",
    "tablespoon": "tbsp tablespoon tablespoons",
    "teaspoon": "tsp teaspoon teaspoons",
    "times": "x times fold",
    "euro": "eur euro euros",
    "dollar": "usd dollar dollars",
    "cent": "cents pence centavos céntimo céntimos centime centimes",
}
UNITS: Mapping[str, str] = {form: unit for unit, forms in _UNIT_FORMS.items() for form in forms.split()}
"""Names of units by how they are written after a number; of one letter only where they touch it."""
SHORT_ALIKE = (frozenset(("gram", "gigabyte")), frozenset(("metre", "minute", "megabyte")))
"""Units that some write with the same letter: 5m may be minutes."""
