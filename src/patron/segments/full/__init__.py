"""The full computation: rules answered for everybody from the sorted copy, in chunks of people."""
