"""The embedded planner, against a catalogue of its own: it knows nothing of ours."""
