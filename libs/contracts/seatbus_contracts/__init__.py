"""Typed views over the contracts between services: subjects, envelope, identifiers."""
