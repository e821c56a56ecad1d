"""Timing a target beside what a user would pick instead; every timed output is checked."""
