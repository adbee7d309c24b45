"""Files of events: CSV, Parquet and JSON lines, as Segment events. Needs the extra ``files`` (Polars)."""
