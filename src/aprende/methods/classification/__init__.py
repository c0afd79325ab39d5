"""Methods for telling pictures apart: descent, frozen features, competition, and how answers are judged."""
