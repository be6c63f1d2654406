"""Form texts: the same few notices with other names and numbers, as customers get them by the thousand.

All names are made up. Not here: other texts of little use (`troubles`).
"""

import numpy as np

FORMS = (
    "Dear {name}, thank you for your order number {number}. We have packed {count} articles and handed them to the "
    "carrier today. The parcel should reach you in {town} within {days} working days. If a part is missing, please "
    "write to us and give the number above. With kind regards, your {firm} team.",
    "Dear {name}, this is to remind you of your appointment at our practice in {town} on {month} {day} at {hour} "
    "o'clock. Please bring your insurance card and arrive {days} minutes early. If you cannot come, call us at "
    "least one day before. Your practice of Doctor {other}.",
    "Dear {name}, your invoice number {number} of {month} {day} is still open. Please pay the amount of {count} "
    "dollars within {days} days. If you have paid in the meantime, please regard this notice as settled. With kind "
    "regards, {other}, accounts of {firm}.",
    "Dear {name}, our fitter will read the meter with the number {number} in your house in {town} on {month} {day} "
    "between {hour} and six o'clock. Please make sure that the meter can be reached. The reading takes about {days} "
    "minutes. Your {firm} service.",
    "Dear {name}, the book that you borrowed from the library of {town} was due on {month} {day}. Please return it "
    "within {days} days. After that we must ask for a fee of {count} cents a day. Your reader's number is {number}. "
    "The library, {other}.",
    "Dear {name}, we have received your application number {number} for the position in {town}. We read every "
    "application with care, and this takes about {days} weeks. You do not need to write to us before {month} {day}. "
    "With kind regards, {other}, {firm}.",
)
NAMES = ("Ms. Abbot", "Mr. Bell", "Ms. Carver", "Mr. Doyle", "Ms. Ellis", "Mr. Foster", "Ms. Grant", "Mr. Hale")
OTHERS = ("Ida Moss", "Paul Reed", "Clara Stone", "Hugh Vane", "Ruth Wells", "Mark Young")
TOWNS = ("Ashford", "Brookfield", "Cedar Falls", "Dover", "Elmwood", "Fairview", "Glendale")
FIRMS = ("Northway", "Harbor", "Summit", "Lakeside", "Pioneer")
MONTHS = ("January", "March", "April", "June", "August", "October", "December")


def form_text(draws: np.random.Generator) -> str:
    """One of the forms, filled in."""

    def one_of(choices: tuple[str, ...]) -> str:
        return choices[int(draws.integers(len(choices)))]

    return one_of(FORMS).format(
        name=one_of(NAMES),
        other=one_of(OTHERS),
        town=one_of(TOWNS),
        firm=one_of(FIRMS),
        month=one_of(MONTHS),
        number=int(draws.integers(10_000, 99_999)),
        count=int(draws.integers(2, 90)),
        days=int(draws.integers(3, 15)),
        day=int(draws.integers(1, 29)),
        hour=int(draws.integers(1, 6)),
    )
