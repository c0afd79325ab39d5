"""Methods for what is where in a picture: what is gone down, how well regions meet, superpixels as a rival."""
