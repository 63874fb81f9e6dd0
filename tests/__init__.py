"""Tests of mailauth_fast through its public door, and what they share."""
