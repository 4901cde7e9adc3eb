"""The store: gray and flow of each recording as memory maps, with a manifest."""

# ruff: noqa: F401 - what is imported here is the face of the room

from cagewatch.store.build import Store, build_stores, open_store, store_folder, stores_of
from cagewatch.store.preprocess import Preprocessing, preprocessing_of
