"""Diagnosis: how generative models go astray, seen and measured."""
