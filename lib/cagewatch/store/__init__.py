"""The store: gray and flow of each recording as memory maps, with a manifest."""

from cagewatch.store.build import Store, build_stores, open_store, store_folder, stores_of
from cagewatch.store.preprocess import Preprocessing, preprocessing_of
