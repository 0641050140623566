"""Formulas alone, by subject: coupon, bounds, gaussian, sphere, spiked."""
