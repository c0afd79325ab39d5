"""Methods for findings in X-rays: how they are learnt, calibrated, and judged, and where they lie."""
