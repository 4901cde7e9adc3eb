"""The explorer: drag a threshold over a finished run, see what it flags and what it misses."""

from cagewatch.explore.parameters import ExploreParameters
from cagewatch.explore.region import RegionDrawer, draw_region
from cagewatch.explore.review import Reviewer
from cagewatch.explore.save import save_page
from cagewatch.explore.widget import Explorer
