"""The extra fields of travel and vehicle ads, which TikTok takes as members of ``properties``.

Sources: TikTok, "Report App, Web, Offline, or CRM Events", travel and automotive parameters; the choices are TikTok's.
"""

from __future__ import annotations

from typing import Any, Final

from tockwork.rules.fields import Field, FieldType, When

WEB = When({"event_source": ("web", None)})
VEHICLE = When({"event_source": ("web", None), "event_spec_type": ("vehicle_fields",)})
TRAVEL = When({"event_source": ("web", None), "event_spec_type": ("travel_fields",)})


def _part(key: str, label: str, help: str, type: FieldType = "string", **more: Any) -> Field:
    return Field(key=key, label=label, help=help, type=type, **{"default": {"@path": f"$.properties.{key}"}, **more})


_DRIVETRAIN_DEFAULT: Final = {
    "@if": {
        "exists": {"@path": "$.properties.drive_train"},
        "then": {"@path": "$.properties.drive_train"},
        "else": {"@path": "$.properties.drivetrain"},
    }
}

VEHICLE_PARTS: Final = (
    _part("postal_code", "Postal Code", "Postal code of the place where the vehicle is offered."),
    _part("make", "Make of the Vehicle", "The vehicle's brand, such as Volvo."),
    _part("model", "Model of the Vehicle", "The vehicle's model, such as XC60."),
    _part("year", "Year of the Vehicle", "Model year, four digits.", "number"),
    _part(
        "state_of_vehicle", "State of the Vehicle", "New, used or certified pre-owned.", choices=("New", "Used", "CPO")
    ),
    _part("mileage_value", "Vehicle Mileage", "How far the vehicle has run; sent with its unit.", "number"),
    _part("mileage_unit", "Mileage Unit", "Miles or kilometres.", choices=("MI", "KM")),
    _part("exterior_color", "Exterior Color of the Vehicle", "Colour of the body."),
    _part("transmission", "Transmission Type of the Vehicle", "Gearbox.", choices=("Automatic", "Manual", "Other")),
    _part(
        "body_style",
        "Body Type of the Vehicle",
        "Shape of the body.",
        choices=tuple("Convertible Coupe Hatchback Minivan Truck SUV Sedan Van Wagon Crossover Other".split()),
    ),
    _part(
        "fuel_type",
        "Fuel Type of the Vehicle",
        "What drives it.",
        choices=("Diesel", "Electric", "Flex", "Gasoline", "Hybrid", "Other"),
    ),
    _part(
        "drivetrain",
        "Drivetrain of the Vehicle",
        "Driven wheels.",
        choices=("AWD", "FOUR_WD", "FWD", "RWD", "TWO_WD", "Other"),
        default=_DRIVETRAIN_DEFAULT,
    ),
    _part("preferred_price_range_min", "Minimum Preferred Price", "Lower end of the shopper's price range.", "number"),
    _part("preferred_price_range_max", "Maximum Preferred Price", "Upper end of the shopper's price range.", "number"),
    _part("trim", "Trim of the Vehicle", "Equipment line."),
    _part("vin", "VIN of the Vehicle", "Vehicle identification number, at most 17 characters."),
    _part("interior_color", "Interior Color of the Vehicle", "Colour of the interior."),
    _part(
        "condition_of_vehicle",
        "Condition of the Vehicle",
        "How good its condition is.",
        choices=("Excellent", "Good", "Fair", "Poor", "Other"),
    ),
    _part(
        "viewcontent_type",
        "Soft Lead Landing Page",
        "The kind of page that was viewed.",
        depends_on=When({"event": ("ViewContent",)}),
    ),
    _part("search_type", "Other Search Page", "The kind of search.", depends_on=When({"event": ("Search",)})),
    _part(
        "registration_type",
        "Soft Lead Website Registration",
        "The kind of registration.",
        depends_on=When({"event": ("CompleteRegistration",)}),
    ),
)

TRAVEL_PARTS: Final = (
    _part("city", "Hotel City Location", "City of the hotel or destination."),
    _part("region", "Hotel Region", "State, district or region."),
    _part("country", "Hotel Country", "Country of the hotel or destination."),
    _part("checkin_date", "Hotel Check-in Date", "YYYYMMDD, YYYY-MM-DD, or with time and zone."),
    _part("checkout_date", "Hotel Check-out Date", "YYYYMMDD, YYYY-MM-DD, or with time and zone."),
    _part("num_adults", "Number of Adults", "How many adults travel.", "number"),
    _part("num_children", "Number of Children", "How many children travel.", "number"),
    _part("num_infants", "Number of Infants", "How many infants travel.", "number"),
    _part("suggested_hotels", "Suggested Hotels", "Ids of hotels to suggest.", multiple=True),
    _part("departing_departure_date", "Departure Date", "Departure of the outward journey."),
    _part("returning_departure_date", "Arrival Date", "Departure of the return journey."),
    _part("origin_airport", "Origin Airport", "IATA code of the airport of departure."),
    _part("destination_airport", "Destination Airport", "IATA code of the airport of arrival."),
    _part("destination_ids", "Destination IDs", "Ids of destinations in the catalogue.", multiple=True),
    _part("departing_arrival_date", "Departing Arrival Date", "Arrival of the outward journey."),
    _part("returning_arrival_date", "Returning Arrival Date", "Arrival of the return journey."),
    _part(
        "travel_class",
        "Flight Ticket Class",
        "Economy, premium, business or first.",
        choices=("eco", "prem", "bus", "first"),
    ),
    _part("user_score", "User Score", "How valuable this traveller is to you.", "number"),
    _part("preferred_num_stops", "Preferred Number of Stops", "Stops wanted; 0 is a direct flight.", "integer"),
    _part("travel_start", "Start Date of the Trip", "When the trip starts."),
    _part("travel_end", "End Date of the Trip", "When the trip ends."),
    _part("suggested_destinations", "Suggested Destinations", "Ids of destinations to suggest.", multiple=True),
)


def vehicle_properties(given: dict[str, Any]) -> dict[str, Any]:
    """`given` with mileage as ``{value, unit}`` (both or none) and the price range as ``[min, max]`` (both or none)."""
    row = dict(given)
    mileage, unit = row.pop("mileage_value", None), row.pop("mileage_unit", None)
    low, high = row.pop("preferred_price_range_min", None), row.pop("preferred_price_range_max", None)
    if mileage is not None and unit is not None:
        row["mileage"] = {"value": mileage, "unit": unit}
    if low is not None and high is not None:
        row["preferred_price_range"] = [low, high]
    return row


def travel_properties(given: dict[str, Any]) -> dict[str, Any]:
    """`given` as it is: the travel fields have TikTok's own names."""
    return given
